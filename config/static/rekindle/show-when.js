/* Inputs that belong to a choice: data-show-when="kind=a|b&every=week" is shown while each named input, looked for in
   the same step first, has one of the values. Without this file all inputs are there. */
"use strict";
(() => {
    function applies(element, form) {
        return element.dataset.showWhen.split("&").every((condition) => {
            const [name, values] = condition.split("=");
            const scope = element.closest("[data-step]") || form;
            const input = scope.querySelector(`[name="${name}"], [name$="-${name}"]`);
            return input && values.split("|").includes(input.value);
        });
    }

    document.addEventListener("DOMContentLoaded", () => {
        for (const form of new Set([...document.querySelectorAll("[data-show-when]")].map((element) => element.closest("form")))) {
            const show = () => form.querySelectorAll("[data-show-when]").forEach((element) => { element.hidden = !applies(element, form); });
            form.addEventListener("change", show);
            show();
        }
    });
})();
