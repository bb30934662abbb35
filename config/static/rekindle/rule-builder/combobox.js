/* An input that offers a list: typed to search, walked with the arrow keys, chosen with Enter, left with Escape. */

import { h, uid } from "./dom.js";
import { Popup } from "./popup.js";

const WAIT_MS = 180;

/**
 * find(text, signal)  the options for what is typed: [{value, label, hint, group, note}], or a promise of them
 * pick(option)        what choosing does
 * typed(text)         what typing does; without it only what is offered can be chosen
 * wait                whether finding asks the server, so that not every letter does
 */
export class Combobox {
    constructor({ words, text = "", find, pick, typed = null, wait = false, attributes = {} }) {
        Object.assign(this, { words, find, pick, typed, wait, text });
        this.list = h("div", { class: "rk-list", role: "listbox", id: uid(), "aria-label": attributes["aria-label"] });
        this.input = h("input", {
            class: "rk-input rk-combo", type: "text", role: "combobox", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
            "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": this.list.id, value: text, ...attributes,
            oninput: () => this.onInput(), onkeydown: (event) => this.onKey(event), onblur: () => this.onBlur(),
            onclick: () => this.open(""), onfocus: () => { if (!typed) this.input.select(); },
        });
        this.input.openList = () => this.open("");
        this.popup = new Popup(this.input, this.list, { closed: () => this.onClosed() });
        this.list.addEventListener("pointerdown", (event) => event.preventDefault());
        this.list.addEventListener("click", (event) => this.choose(event.target.closest("[role=option]")));
    }

    onInput() {
        this.typed?.(this.input.value);
        this.open(this.input.value);
    }

    onKey(event) {
        const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key];
        if (step && !event.altKey) {
            event.preventDefault();
            if (this.popup.isOpen) this.walk(step);
            else this.open("");
        } else if (event.key === "Enter" && !event.isComposing) {
            event.preventDefault();
            if (this.popup.isOpen && this.active) this.choose(this.active);
            else if (!this.typed) this.open("");
        } else if (event.key === "Escape" && this.popup.isOpen) {
            event.preventDefault();
            event.stopPropagation();
            this.close();
        }
    }

    onBlur() {
        this.forget();
        this.close();
        if (!this.typed) this.input.value = this.text;
    }

    /** What is still on its way to be found is not wanted any more. */
    forget() {
        this.asking?.abort();
        clearTimeout(this.timer);
    }

    onClosed() {
        this.forget();
        this.active = null;
        this.input.setAttribute("aria-expanded", "false");
        this.input.removeAttribute("aria-activedescendant");
    }

    close() {
        this.popup.close();
    }

    /* --- finding */

    open(text) {
        clearTimeout(this.timer);
        this.timer = setTimeout(() => this.search(text), this.wait && this.popup.isOpen ? WAIT_MS : 0);
        if (!this.wait) {
            clearTimeout(this.timer);
            this.search(text);
        }
    }

    async search(text) {
        this.asking?.abort();
        const asking = new AbortController();
        this.asking = asking;
        let found = this.find(text, asking.signal);
        if (found instanceof Promise) {
            if (!this.popup.isOpen) this.show([], this.words.searching);
            found = await found.catch((error) => (error.name === "AbortError" ? null : { failed: true }));
            if (asking.signal.aborted || !this.input.isConnected || document.activeElement !== this.input) return;
        }
        if (found.failed) this.show([], this.words.search_failed);
        else this.show(found, found.length ? "" : this.words.nothing_found, text);
    }

    /** What was typed is meant, not what was chosen before: only an untouched list begins at the choice it has. */
    show(options, sentence, text = "") {
        this.options = options;
        const groups = new Map();
        options.forEach((option, index) => {
            if (!groups.has(option.group)) groups.set(option.group, []);
            groups.get(option.group).push(this.row(option, index));
        });
        const parts = [...groups].map(([group, rows]) => (group
            ? h("div", { role: "group", "aria-label": group }, h("p", { class: "rk-list-head", "aria-hidden": "true" }, group), rows)
            : rows));
        this.list.replaceChildren(...parts.flat(), ...(sentence ? [h("p", { class: "rk-hint", role: "status" }, sentence)] : []));
        this.popup.open();
        this.popup.place();
        this.input.setAttribute("aria-expanded", "true");
        const chosen = text.trim() ? -1 : options.findIndex((option) => option.chosen);
        this.activate(this.rows()[chosen >= 0 ? chosen : this.typed ? -1 : 0]);
    }

    row(option, index) {
        const hint = option.hint || (this.typed && option.value !== option.label ? option.value : "");
        return h("div", { role: "option", id: `${this.list.id}-${index}`, "data-index": index, "data-value": option.value, "aria-selected": "false" },
            h("span", { class: "rk-list-label" }, option.label, option.note ? h("small", {}, option.note) : null),
            hint ? h("small", { class: "rk-list-hint" }, hint) : null);
    }

    rows() {
        return [...this.list.querySelectorAll("[role=option]")];
    }

    /* --- walking and choosing */

    walk(step) {
        const rows = this.rows();
        const now = rows.indexOf(this.active);
        const next = now < 0 ? (step > 0 ? 0 : rows.length - 1) : Math.max(0, Math.min(rows.length - 1, now + step));
        this.activate(rows[next]);
    }

    activate(row) {
        this.active?.setAttribute("aria-selected", "false");
        this.active = row || null;
        if (!row) {
            this.input.removeAttribute("aria-activedescendant");
            return;
        }
        row.setAttribute("aria-selected", "true");
        row.scrollIntoView({ block: "nearest" });
        this.input.setAttribute("aria-activedescendant", row.id);
    }

    choose(row) {
        if (!row) return;
        const option = this.options[Number(row.dataset.index)];
        // Who may type freely sees what is stored: a product's code, not its name.
        this.text = this.typed ? option.value : option.label;
        this.input.value = this.text;
        this.close();
        this.pick(option);
    }
}

/**
 * Options whose words hold every word that was typed; first the one labelled so, then whose label begins with it or holds it,
 * then what is also called so, last of what it is only explained with.
 */
export function matching(options, text) {
    const typed = text.trim().toLocaleLowerCase();
    const wanted = typed.split(/\s+/).filter(Boolean);
    const found = options.filter((option) => wanted.every((word) => option.words.includes(word)));
    if (!typed) return found;
    const distance = (option) => {
        const label = option.label.toLocaleLowerCase();
        const place = label.indexOf(typed);
        if (place >= 0) return label === typed ? -1 : Math.min(place, 1);
        return option.called?.includes(typed) ? 2 : 3;
    };
    return found.map((option) => [distance(option), option]).sort(([one], [other]) => one - other).map(([, option]) => option);
}
