/* The form of the tiers: adds cards, takes them out, moves them down a level. Without this file cards are taken out by
   ticking. */
"use strict";
(() => {
    document.addEventListener("DOMContentLoaded", () => {
        const form = document.getElementById("tier-form");
        if (!form) return;
        const list = form.querySelector("[data-tiers]");
        const template = form.querySelector("[data-tier-template]");
        const total = form.querySelector("[name=tiers-TOTAL_FORMS]");
        const taken = (card) => card.querySelector("[data-tier-delete] input");
        const number = () => [...list.children].forEach((card, index) => { card.querySelector("[name$='-ORDER']").value = index + 1; });

        form.querySelector("[data-add-tier]").addEventListener("click", () => {
            list.insertAdjacentHTML("beforeend", template.innerHTML.replaceAll("__prefix__", total.value));
            total.value = Number(total.value) + 1;
            prepare(list.lastElementChild);
            number();
            list.lastElementChild.querySelector("[name$='-name']").focus();
        });
        list.addEventListener("click", (event) => {
            const button = event.target.closest("button");
            const card = event.target.closest("[data-tier]");
            if (!button || !card) return;
            if ("tierRemove" in button.dataset) {
                taken(card).checked = true;
                card.hidden = true;
            }
            if ("tierUp" in button.dataset && card.previousElementSibling) {
                list.insertBefore(card, card.previousElementSibling);
                button.focus();
            }
            number();
        });

        function prepare(card) {
            card.querySelector("[data-tier-delete]").hidden = true;
            card.hidden = taken(card).checked;
        }

        [...list.children].forEach(prepare);
        number();
    });
})();
