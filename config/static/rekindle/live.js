/* Looks again every two seconds while something on the page is under way: what carries data-live (or is the list of an
   admin page) is fetched anew and put in its place, as long as there is a data-open in it. */
"use strict";
(() => {
    const WAIT_MS = 2000;
    const LONGEST_MS = 30000;
    const parts = () => [...document.querySelectorAll("[data-live][id], #result_list")];
    let wait = WAIT_MS;

    async function look() {
        const open = parts().filter((part) => part.querySelector("[data-open]"));
        if (!open.length) return;
        if (!document.hidden) wait = (await renewed(open)) ? WAIT_MS : Math.min(wait * 2, LONGEST_MS);
        setTimeout(look, wait);
    }

    async function renewed(open) {
        const response = await fetch(location.href, { credentials: "same-origin" }).catch(() => null);
        if (!response || !response.ok || response.redirected) return false;
        const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
        open.forEach((part) => {
            const now = fresh.getElementById(part.id);
            // Who stands on a link in it with the keyboard stays there until it is left.
            if (now && !part.contains(document.activeElement)) part.replaceChildren(...now.childNodes);
        });
        return true;
    }

    document.addEventListener("DOMContentLoaded", () => setTimeout(look, WAIT_MS));
})();
