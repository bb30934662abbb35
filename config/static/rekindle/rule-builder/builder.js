/* The rule builder: a rule as groups and conditions over the textarea that holds its JSON.

   The page gives the catalogue and every word as data; the server decides what is right, and counts. The tree is drawn anew
   when its shape changes; while somebody types only the rule behind it does. Nothing is written until something changes. */

import { Catalogue } from "./catalogue.js";
import { Counter } from "./counter.js";
import { fill, h, icon } from "./dom.js";
import { drawGroup } from "./drawing.js";
import { Dragging } from "./dragging.js";
import { History } from "./history.js";
import { isDone, kindOf } from "./leaves.js";
import { rove } from "./menu.js";
import { RawText } from "./raw.js";
import { Suggestions } from "./suggestions.js";
import { at, changed, countLeaves, inserted, isGroup, keyOf, moved, pathOf, removed } from "./tree.js";

export class Builder {
    constructor(root) {
        this.root = root;
        this.textarea = root.querySelector("textarea");
        this.panel = document.getElementById(root.dataset.preview || "");
        const data = JSON.parse(document.getElementById(root.dataset.source).textContent);
        this.words = data.words;
        this.addresses = data.addresses;
        this.problems = data.problems;
        this.catalogue = new Catalogue(data);
        this.suggestions = new Suggestions(data.addresses.values);
        this.history = new History(stateOf(this.textarea.value) || { text: this.textarea.value });
        this.canvas = h("div", { class: "rk-canvas" });
        this.status = h("p", { class: "rk-visually-hidden", role: "status" });
        this.raw = new RawText(this);
        this.counter = new Counter(this);
        root.insertBefore(h("div", { class: "rk-building" }, this.toolbar(), this.canvas, this.inWords(), this.status), this.raw.details);
        root.classList.add("rk-live");
        this.canvas.addEventListener("focusin", (event) => rove(this, event.target));
        this.canvas.addEventListener("keydown", (event) => this.onKey(event));
        new Dragging(this);
        this.draw();
        this.ask();
    }

    get tree() {
        return this.history.state.tree;
    }

    get isFull() {
        return countLeaves(this.tree) - (this.tree.rules.length ? 0 : 1) >= this.catalogue.limits.conditions;
    }

    subjectOf(node) {
        return kindOf(node, this.catalogue).subject(node);
    }

    nameOf(node) {
        if (isGroup(node)) return this.words[`group_${node.combinator}${node.not ? "_not" : ""}`];
        return kindOf(node, this.catalogue).name(node, this.catalogue);
    }

    /* --- changing */

    change(path, change, { focus = "", typing = "", said = "" } = {}) {
        this.put(changed(this.tree, path, change), { focus, typing, said });
    }

    add(path, node) {
        const place = [...path, at(this.tree, path).rules.length];
        const first = isGroup(node) ? [...place, 0] : place;
        this.put(inserted(this.tree, place, node), { focus: `${keyOf(first)}#field`, said: this.words[isGroup(node) ? "group_added" : "condition_added"] });
        document.activeElement.openList?.();
    }

    copy(path) {
        const place = [...path.slice(0, -1), path[path.length - 1] + 1];
        this.put(inserted(this.tree, place, at(this.tree, path)), { focus: `${keyOf(place)}#handle`, said: this.words.copied });
    }

    wrap(path) {
        const wrapped = { combinator: "and", rules: [at(this.tree, path)] };
        this.put(inserted(removed(this.tree, path), path, wrapped), { focus: `${keyOf(path)}#word`, said: this.words.wrapped });
    }

    remove(path) {
        const [parent, index] = [path.slice(0, -1), path[path.length - 1]];
        const tree = removed(this.tree, path);
        const left = at(tree, parent).rules.length;
        const near = left ? `${keyOf([...parent, Math.min(index, left - 1)])}#handle` : `${keyOf(parent)}#add`;
        this.put(tree, { focus: near, said: this.words.removed });
    }

    move(from, to) {
        const { tree, path } = moved(this.tree, from, to);
        const siblings = at(tree, path.slice(0, -1)).rules.length;
        this.put(tree, { focus: `${keyOf(path)}#handle`, said: fill(this.words.moved, { number: path[path.length - 1] + 1, count: siblings, level: path.length }) });
    }

    put(tree, { focus, typing, said }) {
        const text = tree.rules.length ? JSON.stringify(tree, null, 1) : "";
        this.history.push({ tree, text }, typing);
        this.settle({ focus, said, redraw: Boolean(focus) });
    }

    /** Takes what was typed as text; what cannot be read is kept as it is, and can be undone like everything. */
    typed(text) {
        this.history.push(stateOf(text) || { text });
        this.settle({ redraw: true });
    }

    step(direction) {
        const focus = document.activeElement?.dataset?.focus;
        if (!this.history[direction]()) return;
        this.settle({ redraw: true, said: this.words[`${direction}_done`] });
        if (this.canvas.contains(document.activeElement)) return;
        (this.find(focus) || this.buttons[direction]).focus();
    }

    settle({ redraw, focus = "", said = "" }) {
        this.problems = [];
        this.raw.write(this.history.state.text);
        if (redraw) this.draw(focus);
        else this.showProblems();
        this.enable();
        if (said) this.say(said);
        this.ask();
    }

    /* --- drawing */

    draw(focus) {
        if (this.tree) this.canvas.replaceChildren(drawGroup(this, []));
        else this.canvas.replaceChildren(h("p", { class: "rk-error" }, this.words.unreadable));
        this.enable();
        rove(this, null);
        this.showProblems();
        const target = focus && this.find(focus);
        if (target) target.focus();
        if (!this.tree) this.unreadable();
    }

    find(focus) {
        return focus ? this.canvas.querySelector(`[data-focus="${CSS.escape(focus)}"]`) : null;
    }

    unreadable() {
        try {
            JSON.parse(this.history.state.text);
        } catch (error) {
            this.raw.unreadable(this.history.state.text, error);
        }
    }

    toolbar() {
        const make = (direction, name, keys) => h("button", {
            type: "button", class: "rk-button rk-small", "aria-keyshortcuts": keys, onclick: () => this.step(direction),
        }, icon(name), this.words[direction]);
        this.buttons = { undo: make("undo", "undo", "Control+Z"), redo: make("redo", "redo", "Control+Shift+Z") };
        return h("div", { class: "rk-tools", role: "group", "aria-label": this.words.tools }, Object.values(this.buttons));
    }

    enable() {
        this.buttons.undo.setAttribute("aria-disabled", String(!this.history.canUndo));
        this.buttons.redo.setAttribute("aria-disabled", String(!this.history.canRedo));
    }

    /** A builder without a panel for the count still says the rule in words. */
    inWords() {
        this.sentence = this.panel ? null : h("p", { class: "rk-say" });
        return this.sentence;
    }

    onKey(event) {
        if (!(event.ctrlKey || event.metaKey) || event.altKey) return;
        const key = event.key.toLowerCase();
        const direction = key === "z" ? (event.shiftKey ? "redo" : "undo") : key === "y" ? "redo" : "";
        if (!direction) return;
        event.preventDefault();
        this.step(direction);
    }

    say(sentence) {
        // Emptied first: the same sentence twice is read twice.
        this.status.textContent = "";
        requestAnimationFrame(() => { this.status.textContent = sentence; });
    }

    /* --- what is wrong, and how many it reaches */

    showProblems() {
        this.canvas.querySelectorAll(".rk-error[data-problem]").forEach((old) => old.remove());
        this.canvas.querySelectorAll("[aria-invalid]").forEach((old) => { old.removeAttribute("aria-invalid"); old.removeAttribute("aria-describedby"); });
        this.raw.problems(this.problems);
        for (const [index, { path, message }] of this.problems.entries()) {
            const own = this.history.state.wrapped ? "rules[0]" : keyOf(pathOf(path));
            const place = this.canvas.querySelector(`[data-path="${own}"]`);
            if (!place) continue;
            const id = `${this.textarea.id}-problem-${index}`;
            place.append(h("p", { class: "rk-error", id, "data-problem": "", role: "alert" }, icon("error"), message));
            const part = path.slice(this.history.state.wrapped ? 0 : own.length).replace(/^\./, "");
            const input = this.find(`${own}#${part}`) || this.find(`${own}#${part}.value`) || this.find(`${own}#${part.split(/[.[]/)[0]}`);
            input?.setAttribute("aria-invalid", "true");
            input?.setAttribute("aria-describedby", id);
        }
    }

    refused(problems) {
        this.problems = problems;
        this.showProblems();
    }

    found(answer) {
        this.problems = [];
        this.showProblems();
        if (this.sentence) this.sentence.textContent = answer.sentence;
    }

    ask() {
        const { tree } = this;
        const whole = tree?.rules.length && isDone(tree, this.catalogue);
        if (this.sentence && !whole) this.sentence.textContent = "";
        // Before the first change the server's own findings stand.
        if (this.problems.length) this.counter.ask(null, this.words.wrong);
        else this.counter.ask(whole ? this.document() : null, !tree ? this.words.unreadable : tree.rules.length ? this.words.unfinished : this.words.nobody_yet);
    }

    /** The rule as it stands in the text: a condition alone is none the worse for it. */
    document() {
        return JSON.parse(this.history.state.text);
    }
}

/** What the builder keeps of a text: its tree, always a group; nothing where it cannot be read. */
function stateOf(text) {
    let rule = null;
    try {
        rule = text.trim() ? JSON.parse(text) : null;
    } catch {
        return null;
    }
    if (isGroup(rule)) return { tree: rule, text };
    return { tree: { combinator: "and", rules: rule === null ? [] : [rule] }, text, wrapped: rule !== null };
}
