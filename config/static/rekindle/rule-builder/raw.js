/* The rule as text, behind a switch: what is wrong with it is said with its line. */

import { fill, h } from "./dom.js";

const WAIT_MS = 700;

export class RawText {
    constructor(builder) {
        Object.assign(this, { builder, textarea: builder.textarea, details: builder.root.querySelector("details") });
        this.details.open = false;
        this.list = h("ul", { class: "rk-lines", role: "alert" });
        this.details.append(this.list);
        this.textarea.addEventListener("input", () => {
            if (this.writing) return;
            clearTimeout(this.timer);
            this.timer = setTimeout(() => this.read(), WAIT_MS);
        });
        this.textarea.addEventListener("change", () => this.read());
    }

    /** Writes what was built; listeners of the form hear of it, this one does not. */
    write(text) {
        if (this.textarea.value === text) return;
        this.writing = true;
        this.textarea.value = text;
        this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
        this.writing = false;
        this.list.replaceChildren();
    }

    read() {
        clearTimeout(this.timer);
        if (this.textarea.value !== this.builder.history.state.text) this.builder.typed(this.textarea.value);
    }

    unreadable(text, error) {
        const place = errorPlace(text, error);
        this.details.open = true;
        this.show([{ message: fill(this.builder.words.unreadable_at, place), offset: place.offset }]);
    }

    /** Says the server's problems with the line of each. */
    problems(found) {
        const text = this.textarea.value;
        const where = places(text);
        this.show(found.map(({ path, message }) => {
            const offset = nearest(where, path);
            return { offset, message: fill(this.builder.words.line, { line: lineOf(text, offset), message }) };
        }));
    }

    show(lines) {
        this.list.replaceChildren(...lines.map(({ message, offset }) => h("li", {}, h("button", {
            type: "button", class: "rk-link rk-error", onclick: () => this.go(offset),
        }, message))));
    }

    go(offset) {
        this.textarea.focus();
        this.textarea.setSelectionRange(offset, offset);
    }
}

const lineOf = (text, offset) => text.slice(0, offset).split("\n").length;

/** Where text stops being JSON. Browsers say it in different ways; the end is where it stops when they say nothing. */
export function errorPlace(text, error) {
    const [, position] = error.message.match(/position (\d+)/) || [];
    const [, row, column] = error.message.match(/line (\d+) column (\d+)/) || [];
    if (position !== undefined || row === undefined) {
        const offset = Math.min(Number(position ?? text.length), text.length);
        return { offset, line: lineOf(text, offset), column: offset - text.lastIndexOf("\n", offset - 1) };
    }
    const before = text.split("\n").slice(0, row - 1).reduce((sum, each) => sum + each.length + 1, 0);
    return { offset: before + Number(column) - 1, line: Number(row), column: Number(column) };
}

/** The place of every value in a text that is JSON, by its path: {"rules[0].value": 57}. */
export function places(text) {
    const found = new Map();
    let place = 0;
    const skip = () => { while (/[\s,:]/.test(text[place] ?? "")) place += 1; };
    const string = () => {
        const start = place;
        for (place += 1; text[place] !== '"'; place += 1) if (text[place] === "\\") place += 1;
        place += 1;
        return JSON.parse(text.slice(start, place));
    };
    const value = (path) => {
        skip();
        found.set(path, place);
        if (text[place] === "{") inside("}", () => { const key = string(); value(path ? `${path}.${key}` : key); });
        else if (text[place] === "[") { let index = 0; inside("]", () => { value(`${path}[${index}]`); index += 1; }); }
        else if (text[place] === '"') string();
        else while (/[^\s,\]}]/.test(text[place] ?? " ")) place += 1;
    };
    const inside = (end, each) => {
        place += 1;
        for (skip(); text[place] !== end; skip()) each();
        place += 1;
    };
    try {
        value("");
    } catch {
        return new Map();
    }
    return found;
}

function nearest(where, path) {
    for (let key = path; key; key = key.replace(/(\.?[^.[\]]+|\[\d+\])$/, "")) if (where.has(key)) return where.get(key);
    return 0;
}
