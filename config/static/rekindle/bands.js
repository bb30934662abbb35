/* Who would move by the lifecycle bands in the form: asked while somebody tunes them, the last question alone is answered. */
"use strict";
document.addEventListener("DOMContentLoaded", () => {
    const target = document.querySelector("[data-bands]");
    const form = document.querySelector("#lifecyclebands_form");
    if (!target || !form) return;
    const names = ["new_days", "at_risk_ratio", "dormant_ratio", "lost_ratio", "reactivated_days"];
    let waiting = 0, asking = new AbortController();

    function say(text) {
        const line = document.createElement("p");
        line.className = "rk-hint";
        line.textContent = text;
        target.replaceChildren(line);
    }

    async function ask() {
        asking.abort();
        const mine = (asking = new AbortController());
        const query = new URLSearchParams(names.map((name) => [name, form.elements[name]?.value ?? ""]));
        target.setAttribute("aria-busy", "true");
        if (!target.hasChildNodes()) say(target.dataset.waiting);
        try {
            const answer = await fetch(`${target.dataset.bands}?${query}`, { signal: mine.signal, credentials: "same-origin" });
            if (!answer.ok || answer.redirected) throw new Error(String(answer.status));
            target.innerHTML = await answer.text();
        } catch {
            if (!mine.signal.aborted) say(target.dataset.failed);
        } finally {
            if (mine === asking) target.removeAttribute("aria-busy");
        }
    }

    form.addEventListener("input", () => {
        clearTimeout(waiting);
        waiting = setTimeout(ask, 300);
    });
    ask();
});
