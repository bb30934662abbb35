/* The campaign's form: adds and moves steps, puts words into messages, previews them.
   Without this file steps are taken out by ticking. */
"use strict";
(() => {
    const WAIT_MS = 400;
    const FIRST_INPUT = { issue_coupon: "template", grant_points: "points", send_message: "body" };

    class Steps {
        constructor(form) {
            this.form = form;
            this.list = form.querySelector("[data-steps]");
            this.template = form.querySelector("[data-step-template]");
            this.total = form.querySelector("[name=steps-TOTAL_FORMS]");
            form.querySelectorAll("[data-add-step]").forEach((button) => button.addEventListener("click", () => this.add(button.dataset.addStep)));
            this.list.addEventListener("click", (event) => this.clicked(event));
            this.list.addEventListener("input", (event) => this.previewLater(event.target.closest("[data-step]")));
            // Which coupon is given changes what every message after it says.
            this.list.addEventListener("change", (event) => { if (event.target.matches("select")) this.previewAll(); });
            form.querySelector("[name=name]").addEventListener("change", () => this.previewAll());
            [...this.list.children].forEach((step) => { step.hidden = step.querySelector("[data-step-delete]").checked; });
            this.number();
            this.previewAll();
        }

        add(kind) {
            const html = this.template.innerHTML.replaceAll("__prefix__", this.total.value);
            this.list.insertAdjacentHTML("beforeend", html);
            this.total.value = Number(this.total.value) + 1;
            const step = this.list.lastElementChild;
            step.querySelector("[name$='-kind']").value = kind;
            // Only messages after a coupon can name it: the first coupon goes before the messages.
            if (kind === "issue_coupon" && this.shown().every((each) => each === step || this.kind(each) === "send_message")) this.list.prepend(step);
            this.number();
            this.form.dispatchEvent(new Event("change"));
            step.querySelector(`[name$='-${FIRST_INPUT[kind]}']`).focus();
            this.previewAll();
        }

        clicked(event) {
            const button = event.target.closest("button");
            const step = event.target.closest("[data-step]");
            if (!button || !step) return;
            if ("word" in button.dataset) this.putIn(step, button.dataset.word);
            if ("stepRemove" in button.dataset) {
                step.querySelector("[data-step-delete]").checked = true;
                step.hidden = true;
            }
            if ("stepUp" in button.dataset && step.previousElementSibling) {
                this.list.insertBefore(step, step.previousElementSibling);
                button.focus();
            }
            this.number();
            this.previewAll();
        }

        putIn(step, word) {
            const body = step.querySelector("[name$='-body']");
            body.setRangeText(`{{ ${word} }}`, body.selectionStart, body.selectionEnd, "end");
            body.focus();
            body.dispatchEvent(new Event("input", { bubbles: true }));
        }

        kind(step) {
            return step.querySelector("[name$='-kind']").value;
        }

        number() {
            [...this.list.children].forEach((step, index) => { step.querySelector("[data-step-order]").value = index + 1; });
        }

        shown() {
            return [...this.list.children].filter((step) => !step.hidden);
        }

        previewAll() {
            this.shown().forEach((step) => this.previewLater(step));
        }

        previewLater(step) {
            if (!step) return;
            clearTimeout(step.timer);
            step.timer = setTimeout(() => this.preview(step), WAIT_MS);
        }

        async preview(step) {
            const value = (name) => step.querySelector(`[name$='-${name}']`)?.value || "";
            const place = step.querySelector("[data-preview]");
            if (value("kind") !== "send_message" || !value("body").trim()) return;
            const steps = this.shown();
            const coupon = steps.slice(0, steps.indexOf(step)).reverse().find((each) => this.kind(each) === "issue_coupon");
            const response = await fetch(this.form.dataset.previewUrl, {
                method: "POST",
                headers: { "Content-Type": "application/json", "X-CSRFToken": this.form.querySelector("[name=csrfmiddlewaretoken]").value },
                body: JSON.stringify({
                    subject: value("channel") === "email" ? value("subject") : "",
                    body: value("body"),
                    campaign: this.form.querySelector("[name=name]").value,
                    coupon: coupon ? coupon.querySelector("[name$='-template']").value : "",
                }),
            }).catch(() => null);
            if (!response) return;
            const answer = await response.json();
            const lines = response.ok ? [["rk-hint", answer.reader], ["rk-subject", answer.subject], ["rk-bubble", answer.body], ["rk-hint", answer.warning]] : answer.problems.map((problem) => ["rk-error", problem]);
            place.replaceChildren(...lines.filter(([, text]) => text).map(([look, text]) => {
                const line = document.createElement("p");
                line.className = look;
                line.textContent = text;
                return line;
            }));
        }
    }

    document.addEventListener("DOMContentLoaded", () => {
        const form = document.getElementById("campaign-form");
        form.classList.add("rk-live");
        new Steps(form);
    });
})();
