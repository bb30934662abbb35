/* The rule builder: groups as cards, conditions as sentences with editable parts, over a textarea that holds the JSON.

   The page gives the catalogue (fields, operators, segments) and every word as data; the server decides what is right.
   Without this file the textarea is the form. Nothing is written back until something is changed. */
"use strict";
(() => {
    const GROUP_WORDS = [["and", false], ["or", false], ["or", true], ["and", true]];
    const WAIT_MS = 450;

    function h(tag, attributes, ...children) {
        const element = document.createElement(tag);
        for (const [name, value] of Object.entries(attributes || {})) {
            if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
            else if (value === true) element.setAttribute(name, "");
            else if (value !== false && value !== null && value !== undefined) element.setAttribute(name, value);
        }
        element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== ""));
        return element;
    }

    function icon(name) {
        return h("span", { class: "material-symbols-outlined", "aria-hidden": "true" }, name);
    }

    function select(options, chosen, attributes) {
        const made = options.map(([value, label]) => {
            const option = h("option", { value }, label);
            option.selected = value === chosen;
            return option;
        });
        return h("select", { class: "rk-input", ...attributes }, made);
    }

    class Builder {
        constructor(root) {
            this.root = root;
            this.textarea = root.querySelector("textarea");
            const data = JSON.parse(document.getElementById(root.dataset.source).textContent);
            this.words = data.words;
            this.segments = data.segments;
            this.fields = new Map(data.schema.fields.map((field) => [field.name, field]));
            this.operators = new Map(data.schema.operators.map((operator) => [operator.code, operator]));
            this.depth = data.schema.limits.depth;
            this.problems = data.problems;
            this.canvas = h("div", { class: "rk-canvas" });
            this.raw = root.querySelector("details");
            this.raw.open = false;
            root.insertBefore(this.canvas, this.raw);
            root.classList.add("rk-live");
            this.preview = document.getElementById(root.dataset.preview || "");
            this.textarea.addEventListener("change", () => this.read());
            this.read();
        }

        // --- between the textarea and the tree

        read() {
            const text = this.textarea.value.trim();
            let rule = null;
            try {
                rule = text ? JSON.parse(text) : null;
            } catch {
                this.tree = null;
                this.canvas.replaceChildren(h("p", { class: "rk-error" }, this.words.unreadable));
                this.raw.open = true;
                return;
            }
            const isGroup = rule && Array.isArray(rule.rules);
            this.tree = isGroup ? rule : { combinator: "and", rules: rule ? [rule] : [] };
            this.rootIsLeaf = Boolean(rule) && !isGroup;
            this.draw();
            this.ask();
        }

        changed(redraw, focus) {
            this.problems = [];
            this.rootIsLeaf = false;
            this.textarea.value = this.tree.rules.length ? JSON.stringify(this.tree, null, 1) : "";
            this.textarea.dispatchEvent(new Event("input", { bubbles: true }));
            if (redraw) this.draw(focus);
            this.ask();
        }

        draw(focus) {
            this.canvas.replaceChildren(this.group(this.tree, null, "", 1));
            if (focus) this.canvas.querySelector(`[data-focus="${focus}"]`)?.focus();
        }

        // --- groups

        group(node, parent, path, depth) {
            const at = (index) => (this.rootIsLeaf ? "" : `${path ? `${path}.` : ""}rules[${index}]`);
            const children = node.rules.map((child, index) => {
                const drawn = Array.isArray(child.rules)
                    ? this.group(child, node, at(index), depth + 1)
                    : this.leaf(child, node, at(index));
                return h("li", {}, index ? h("span", { class: "rk-joint" }, this.words[node.combinator]) : null, drawn);
            });
            return h("fieldset", { class: "rk-group", "data-path": path },
                h("legend", { class: "rk-visually-hidden" }, this.words.group),
                h("div", { class: "rk-group-head" }, this.groupWord(node, path), parent ? this.remover(node, parent, path) : null),
                children.length ? h("ul", { class: "rk-rules" }, children) : h("p", { class: "rk-hint" }, this.words.empty),
                this.rootIsLeaf ? null : this.problemsAt(path),
                h("div", { class: "rk-buttons rk-tight" },
                    this.adder(node, path, this.words.add_condition, () => this.firstLeaf()),
                    depth < this.depth
                        ? this.adder(node, path, this.words.add_group, () => ({ combinator: node.combinator === "and" ? "or" : "and", rules: [this.firstLeaf()] }))
                        : null),
            );
        }

        groupWord(node, path) {
            const options = GROUP_WORDS.map(([combinator, not]) => [`${combinator}${not}`, this.words[`group_${combinator}${not ? "_not" : ""}`]]);
            return select(options, `${node.combinator}${Boolean(node.not)}`, {
                "aria-label": this.words.group,
                "data-focus": `${path}#word`,
                onchange: (event) => {
                    const [combinator, not] = GROUP_WORDS[event.target.selectedIndex];
                    node.combinator = combinator;
                    if (not) node.not = true; else delete node.not;
                    this.changed(true, `${path}#word`);
                },
            });
        }

        adder(node, path, label, make) {
            return h("button", {
                type: "button", class: "rk-button rk-small",
                onclick: () => {
                    node.rules.push(make());
                    const added = `${path ? `${path}.` : ""}rules[${node.rules.length - 1}]`;
                    this.changed(true, node.rules.at(-1).rules ? `${added}.rules[0]#field` : `${added}#field`);
                },
            }, icon("add"), label);
        }

        remover(node, parent, path) {
            const label = node.rules ? this.words.remove_group : this.words.remove_condition;
            return h("button", {
                type: "button", class: "rk-remove", "aria-label": label, title: label,
                onclick: () => {
                    const index = parent.rules.indexOf(node);
                    parent.rules.splice(index, 1);
                    const before = path.replace(/\.?rules\[\d+\]$/, "");
                    const near = parent.rules.length ? `${before ? `${before}.` : ""}rules[${Math.max(0, index - 1)}]#field` : `${before}#word`;
                    this.changed(true, near);
                },
            }, icon("close"));
        }

        // --- conditions

        firstLeaf() {
            const field = this.fields.get("days_since_last_order") || this.fields.values().next().value;
            return this.fresh(field);
        }

        fresh(field) {
            const wanted = field.type === "number" || field.type === "money_minor" ? ">=" : field.operators[0];
            return { field: field.name, operator: field.operators.includes(wanted) ? wanted : field.operators[0] };
        }

        leaf(node, parent, path) {
            const parts = this.partsOf(node, path);
            return h("div", { class: "rk-leaf", "data-path": path },
                h("div", { class: "rk-parts" }, parts, this.remover(node, parent, path)),
                this.helpOf(node), this.problemsAt(path));
        }

        partsOf(node, path) {
            const field = this.fields.get(node.field);
            if (field) return [this.picker(node, path), this.operatorPart(node, field, path), this.valuePart(node, field, path)];
            if ("in_segment" in node) return [this.picker(node, path), this.segmentPart(node)];
            if ("everyone" in node) return [this.picker(node, path)];
            // What this version cannot show it keeps as it is.
            return [h("code", { class: "rk-chip", "data-focus": `${path}#field` }, JSON.stringify(node))];
        }

        helpOf(node) {
            const field = this.fields.get(node.field);
            return field && field.help ? h("p", { class: "rk-hint" }, field.help) : null;
        }

        picker(node, path) {
            const groups = new Map();
            for (const field of this.fields.values()) {
                if (!groups.has(field.group)) groups.set(field.group, []);
                groups.get(field.group).push(field);
            }
            const option = (value, label, chosen) => {
                const made = h("option", { value }, label);
                made.selected = chosen;
                return made;
            };
            const others = h("optgroup", { label: this.words.others },
                this.segments.length ? option("is:segment", this.words.in_segment, "in_segment" in node) : null,
                option("is:everyone", this.words.everyone, "everyone" in node));
            const named = [...groups].map(([group, fields]) => h("optgroup", { label: group || this.words.fields },
                fields.map((field) => option(`field:${field.name}`, field.label, field.name === node.field))));
            return h("select", {
                class: "rk-input", "aria-label": this.words.what, "data-focus": `${path}#field`,
                onchange: (event) => {
                    const value = event.target.value;
                    for (const key of Object.keys(node)) delete node[key];
                    if (value === "is:everyone") node.everyone = true;
                    else if (value === "is:segment") node.in_segment = this.segments[0].slug;
                    else Object.assign(node, this.fresh(this.fields.get(value.slice("field:".length))));
                    this.changed(true, `${path}#field`);
                },
            }, named, others);
        }

        operatorPart(node, field, path) {
            const options = field.operators.map((code) => [code, this.operators.get(code).label]);
            return select(options, node.operator, {
                "aria-label": this.words.comparison,
                "data-focus": `${path}#operator`,
                onchange: (event) => {
                    const before = this.operators.get(node.operator).value;
                    node.operator = event.target.value;
                    if (this.operators.get(node.operator).value !== before) delete node.value;
                    this.changed(true, `${path}#operator`);
                },
            });
        }

        segmentPart(node) {
            const options = this.segments.map((segment) => [segment.slug, segment.name]);
            if (!this.segments.some((segment) => segment.slug === node.in_segment)) options.unshift([node.in_segment, node.in_segment]);
            return select(options, node.in_segment, {
                "aria-label": this.words.segment,
                onchange: (event) => { node.in_segment = event.target.value; this.changed(false); },
            });
        }

        valuePart(node, field, path) {
            const operator = this.operators.get(node.operator);
            if (!operator) return null;
            const set = (value) => {
                if (value === undefined) delete node.value; else node.value = value;
                this.changed(false);
            };
            switch (operator.value) {
                case "none": return null;
                case "days": return this.numberInput(node.value, set, { min: 1, max: operator.most_days, unit: this.words.units.days, path });
                case "pair": return this.pair(node, field, set);
                case "list": return this.list(node, field, set);
                default: return this.one(node.value, field, set);
            }
        }

        pair(node, field, set) {
            const values = Array.isArray(node.value) ? [...node.value] : [undefined, undefined];
            const setOne = (index) => (value) => {
                values[index] = value;
                set(values.every((each) => each !== undefined) ? [...values] : undefined);
            };
            return h("span", { class: "rk-pair" }, this.one(values[0], field, setOne(0)),
                h("span", {}, this.words.and), this.one(values[1], field, setOne(1)));
        }

        list(node, field, set) {
            const values = Array.isArray(node.value) ? [...node.value] : [];
            if (field.choices.length) {
                const boxes = field.choices.map(({ value, label }) => {
                    const box = h("input", {
                        type: "checkbox", checked: values.includes(value),
                        onchange: (event) => {
                            if (event.target.checked) values.push(value); else values.splice(values.indexOf(value), 1);
                            set(values.length ? [...values] : undefined);
                        },
                    });
                    return h("label", { class: "rk-tick" }, box, label);
                });
                return h("span", { class: "rk-ticks", role: "group", "aria-label": this.words.values }, boxes);
            }
            const read = (text) => {
                const parts = text.split(/[,，]/).map((part) => part.trim()).filter(Boolean);
                const found = field.type === "number" ? parts.map(Number).filter(Number.isInteger) : parts;
                return found.length ? found : undefined;
            };
            return h("input", {
                class: "rk-input", type: "text", value: values.join(", "), placeholder: this.words.list_hint, "aria-label": this.words.values,
                oninput: (event) => set(read(event.target.value)),
            });
        }

        one(value, field, set) {
            if (field.choices.length) {
                const options = [["", this.words.choose], ...field.choices.map((choice) => [String(choice.value), choice.label])];
                return select(options, value === undefined ? "" : String(value), {
                    "aria-label": this.words.value,
                    onchange: (event) => set(field.choices[event.target.selectedIndex - 1]?.value),
                });
            }
            switch (field.type) {
                case "boolean": return select([["", this.words.choose], ["true", this.words.yes], ["false", this.words.no]], value === undefined ? "" : String(value), {
                    "aria-label": this.words.value,
                    onchange: (event) => set(event.target.value === "" ? undefined : event.target.value === "true"),
                });
                case "number": return this.numberInput(value, set, { unit: this.words.units[field.unit] });
                case "decimal": return this.numberInput(value, set, { step: "any", unit: this.words.units[field.unit] });
                case "share": return this.numberInput(value, set, { step: "any", min: 0, max: 100, scale: 0.01, unit: "%" });
                case "money_minor": return this.numberInput(value, set, { step: "any", scale: 10 ** this.words.minor_digits, whole: true, before: this.words.currency });
                case "date": return h("input", { class: "rk-input", type: "date", value: value || "", "aria-label": this.words.value, onchange: (event) => set(event.target.value || undefined) });
                default: return h("input", { class: "rk-input", type: "text", value: value ?? "", "aria-label": this.words.value, oninput: (event) => set(event.target.value || undefined) });
            }
        }

        /* `scale` turns what people type (percent, yuan) into what is stored (share, minor units). */
        numberInput(value, set, { step = 1, min, max, unit, before, scale = 1, whole = false }) {
            const shown = typeof value === "number" ? Number((value / scale).toFixed(6)) : "";
            const store = (typed) => {
                if (Number.isNaN(typed)) return undefined;
                return scale === 1 && !whole ? typed : Number((typed * scale).toFixed(whole ? 0 : 8));
            };
            const input = h("input", {
                class: "rk-input rk-number", type: "number", step, min, max, value: shown, "aria-label": this.words.value,
                oninput: (event) => set(store(event.target.valueAsNumber)),
            });
            return h("span", { class: "rk-with-unit" }, before ? h("span", {}, before) : null, input, unit ? h("span", {}, unit) : null);
        }

        // --- what is wrong, and how many it reaches

        problemsAt(path) {
            const mine = this.problems.filter((problem) => (this.rootIsLeaf ? "" : this.nodePath(problem.path)) === path);
            return mine.length ? h("p", { class: "rk-error", role: "alert" }, mine.map((problem) => problem.message).join(" ")) : null;
        }

        nodePath(path) {
            const match = path.match(/^(?:\.?rules\[\d+\])*/);
            return match ? match[0] : "";
        }

        isComplete(node) {
            if (Array.isArray(node.rules)) return node.rules.length > 0 && node.rules.every((child) => this.isComplete(child));
            if (!("field" in node)) return true;
            return this.operators.get(node.operator)?.value === "none" || node.value !== undefined;
        }

        ask() {
            if (!this.preview) return;
            clearTimeout(this.timer);
            this.asking?.abort();
            if (!this.tree.rules.length || !this.isComplete(this.tree)) {
                this.show(this.tree.rules.length ? this.words.unfinished : this.words.nobody_yet);
                return;
            }
            this.show(this.words.counting);
            this.timer = setTimeout(() => this.fetch(), WAIT_MS);
        }

        async fetch() {
            this.asking = new AbortController();
            const token = this.root.closest("form").querySelector("[name=csrfmiddlewaretoken]").value;
            try {
                const response = await fetch(this.root.dataset.previewUrl, {
                    method: "POST",
                    headers: { "Content-Type": "application/json", "X-CSRFToken": token },
                    body: this.textarea.value,
                    signal: this.asking.signal,
                });
                const answer = await response.json();
                if (response.ok) this.showCount(answer);
                else this.showProblems(answer.problems);
            } catch (error) {
                if (error.name !== "AbortError") this.show(this.words.failed);
            }
        }

        showProblems(problems) {
            this.problems = problems;
            this.show(this.words.wrong);
            // Redrawing would take the caret from whoever types: only the sentences are put in.
            this.canvas.querySelectorAll(".rk-error").forEach((old) => old.remove());
            for (const problem of problems) {
                const path = this.rootIsLeaf ? "" : this.nodePath(problem.path);
                this.canvas.querySelector(`[data-path="${path}"]`)?.append(h("p", { class: "rk-error", role: "alert" }, problem.message));
            }
        }

        showCount(answer) {
            this.canvas.querySelectorAll(".rk-error").forEach((old) => old.remove());
            const people = answer.sample.map((each) => h("li", {}, h("a", { class: "rk-link", href: each.url }, each.name)));
            this.preview.replaceChildren(
                h("p", { class: "rk-figure" }, answer.count_text, h("small", {}, answer.share_text)),
                h("p", { class: "rk-say" }, answer.sentence),
                ...(people.length ? [h("h4", {}, this.words.for_example), h("ul", { class: "rk-sample" }, people)] : []),
                h("p", { class: "rk-hint" }, answer.fresh),
            );
            this.preview.dataset.count = answer.count;
        }

        show(sentence) {
            delete this.preview.dataset.count;
            this.preview.replaceChildren(h("p", { class: "rk-hint" }, sentence));
        }
    }

    document.addEventListener("DOMContentLoaded", () => {
        document.querySelectorAll("[data-rule-builder]").forEach((root) => new Builder(root));
    });
})();
