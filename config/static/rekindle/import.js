/* Imports: files dropped and sent with a bar, a choice that reloads, progress that is asked for every second.
   Without this file the same forms work, with a page load for each step. */
"use strict";
(() => {
    const PAUSE = 1000;

    function upload(form) {
        const input = form.querySelector("input[type=file]");
        const drop = form.querySelector(".rk-drop");
        const list = form.querySelector(".rk-chosen");
        const errors = form.querySelector(".rk-errors");
        const bar = form.querySelector(".rk-progress");
        const button = form.querySelector("button[type=submit]");

        const tell = (sentences) => {
            errors.replaceChildren(...sentences.map((sentence) => {
                const line = document.createElement("p");
                line.className = "rk-error";
                line.textContent = sentence;
                return line;
            }));
        };
        const size = () => [...input.files].reduce((sum, file) => sum + file.size, 0);
        const problem = () => {
            if (!input.files.length) { return form.dataset.none; }
            return size() > Number(form.dataset.mostBytes) ? form.dataset.tooLarge : "";
        };
        const show = () => {
            list.replaceChildren(...[...input.files].map((file) => {
                const line = document.createElement("li");
                line.textContent = `${file.name} (${(file.size / 1048576).toFixed(1)} MB)`;
                return line;
            }));
            tell(input.files.length && problem() ? [problem()] : []);
        };

        input.addEventListener("change", show);
        for (const name of ["dragenter", "dragover"]) {
            drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.add("rk-over"); });
        }
        for (const name of ["dragleave", "drop"]) {
            drop.addEventListener(name, (event) => { event.preventDefault(); drop.classList.remove("rk-over"); });
        }
        drop.addEventListener("drop", (event) => { input.files = event.dataTransfer.files; show(); });

        form.addEventListener("submit", (event) => {
            event.preventDefault();
            if (problem()) { tell([problem()]); return; }
            const request = new XMLHttpRequest();
            const stop = (sentences) => { bar.hidden = true; button.disabled = false; tell(sentences); };
            bar.hidden = false;
            button.disabled = true;
            tell([]);
            request.upload.addEventListener("progress", (moved) => {
                if (!moved.lengthComputable) { return; }
                bar.querySelector("progress").value = moved.loaded / moved.total;
                bar.querySelector("p").textContent = moved.loaded < moved.total
                    ? `${Math.round(100 * moved.loaded / moved.total)}%` : form.dataset.reading;
            });
            request.addEventListener("load", () => {
                const answer = request.response;
                if (answer && answer.url) { window.location = answer.url; return; }
                stop(answer && answer.errors ? answer.errors : [form.dataset.broken]);
            });
            request.addEventListener("error", () => stop([form.dataset.broken]));
            request.open("POST", form.action || window.location.href);
            request.setRequestHeader("X-Requested-With", "XMLHttpRequest");
            request.responseType = "json";
            request.send(new FormData(form));
        });
    }

    function watch(section) {
        const bar = section.querySelector("progress");
        const said = section.querySelector("[data-said]");
        const look = async () => {
            try {
                const response = await fetch(section.dataset.progress, { headers: { Accept: "application/json" } });
                if (!response.ok || response.redirected) { window.location.reload(); return; }
                const now = await response.json();
                if (!now.working) { window.location.reload(); return; }
                said.textContent = now.said;
                if (now.total) { bar.max = now.total; bar.value = now.done; }
            } catch { /* the server may be restarting: ask again */ }
            window.setTimeout(look, PAUSE);
        };
        window.setTimeout(look, PAUSE);
    }

    // The theme would look for a text input beside each file input to write the name into; there is none here.
    document.querySelectorAll("form#upload input[type=file]").forEach((input) => { input.hasChangeListener = true; });

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("form#upload").forEach(upload);
        document.querySelectorAll("[data-progress]").forEach(watch);
        document.querySelectorAll("select[data-goes]").forEach((select) => {
            select.addEventListener("change", () => {
                const form = select.form;
                if (select.name === "target") { form.querySelectorAll("[name=mapping]").forEach((other) => { other.value = ""; }); }
                form.submit();
            });
        });
    });
})();
