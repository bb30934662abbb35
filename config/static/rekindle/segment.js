/* Parts of a page that are counted beside it, forms that answer in place, and charts drawn in the colours of the theme.
   data-fetch="url"        is filled with the answer when the page is there; data-retry names the button after a failure.
   data-keep               leaves what stands there until the answer comes.
   form data-into="id"     is answered inside that element; without this file the form opens a page of its own.
   canvas data-chart="id"  draws the JSON of that element: {labels, values, label}. */
"use strict";
(() => {
    // Several parts of one page may bring this file.
    if (window.rekindleParts) return;
    window.rekindleParts = true;
    const words = (element) => ({ waiting: element.dataset.waiting || "…", failed: element.dataset.failed || "" });

    function say(element, text, retry) {
        const line = document.createElement("p");
        line.className = "rk-hint";
        line.textContent = text;
        element.replaceChildren(line);
        if (retry) {
            const button = document.createElement("button");
            button.type = "button";
            button.className = "rk-button rk-small";
            button.textContent = element.dataset.retry || "↻";
            button.addEventListener("click", retry);
            element.append(button);
        }
    }

    let asked = 0;
    async function fill(element, url) {
        const mine = (element.dataset.asked = String(++asked));
        element.setAttribute("aria-busy", "true");
        if (element.dataset.keep === undefined) say(element, words(element).waiting);
        try {
            const answer = await fetch(url, { headers: { "X-Requested-With": "fetch" }, credentials: "same-origin" });
            if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
            const html = await answer.text();
            if (element.dataset.asked === mine) element.innerHTML = html;
        } catch {
            if (element.dataset.asked === mine) say(element, words(element).failed, () => fill(element, url));
        } finally {
            if (element.dataset.asked === mine) element.removeAttribute("aria-busy");
        }
    }

    function answerInPlace(form) {
        const ask = (event) => {
            event?.preventDefault();
            const target = document.getElementById(form.dataset.into);
            fill(target, `${form.action}?${new URLSearchParams(new FormData(form))}`);
        };
        form.addEventListener("submit", ask);
        if (form.dataset.live !== undefined) form.addEventListener("change", () => form.reportValidity() && ask());
    }

    function colour(name) {
        const probe = document.createElement("span");
        probe.style.color = `var(${name})`;
        document.body.append(probe);
        const found = getComputedStyle(probe).color;
        probe.remove();
        // The chart library does not read oklch: a canvas turns any colour into one it does.
        const pixel = document.createElement("canvas").getContext("2d");
        pixel.fillStyle = found;
        pixel.fillRect(0, 0, 1, 1);
        const [red, green, blue] = pixel.getImageData(0, 0, 1, 1).data;
        return (strength) => `rgb(${red} ${green} ${blue} / ${strength})`;
    }

    function draw(canvas) {
        const data = JSON.parse(document.getElementById(canvas.dataset.chart).textContent);
        const line = colour("--rk-blue"), text = colour("--rk-faint"), grid = colour("--rk-strong");
        canvas.chart?.destroy();
        canvas.chart = new Chart(canvas, {
            type: "line",
            data: { labels: data.labels, datasets: [{
                data: data.values, label: data.label, borderColor: line(1), backgroundColor: line(.15), fill: true,
                borderWidth: 2, pointRadius: data.values.length > 60 ? 0 : 2, pointHitRadius: 12, tension: .15,
            }] },
            options: {
                animation: false, maintainAspectRatio: false, interaction: { mode: "index", intersect: false },
                plugins: { legend: { display: false } },
                scales: {
                    x: { ticks: { color: text(1), maxTicksLimit: 6, maxRotation: 0 }, grid: { display: false } },
                    y: { beginAtZero: true, ticks: { color: text(1), maxTicksLimit: 5, precision: 0 }, grid: { color: grid(.08) } },
                },
            },
        });
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("[data-fetch]").forEach((element) => fill(element, element.dataset.fetch));
        document.querySelectorAll("form[data-into]").forEach(answerInPlace);
        const charts = [...document.querySelectorAll("canvas[data-chart]")];
        charts.forEach(draw);
        if (charts.length) {
            new MutationObserver(() => charts.forEach(draw)).observe(document.documentElement, { attributeFilter: ["class"] });
        }
    });
})();
