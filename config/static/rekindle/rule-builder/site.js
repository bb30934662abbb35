/* A place in the rule, as the inputs that stand there see it. */

import { Combobox, matching } from "./combobox.js";
import { keyOf } from "./tree.js";

export class Site {
    constructor(builder, path, inside = "", label = "") {
        Object.assign(this, { builder, path, inside, label, words: builder.words, catalogue: builder.catalogue, limits: builder.catalogue.limits });
    }

    /** A place inside this one, for an input with a name of its own. */
    part(name, label) {
        return new Site(this.builder, this.path, below(this.inside, name), label);
    }

    /** What an input is called, for people who do not see it and for finding it again after a redraw. */
    named(part, label) {
        return {
            "aria-label": label || this.label || this.words.value,
            "data-focus": `${keyOf(this.path)}#${below(this.inside, part)}`,
        };
    }

    /**
     * Changes the node here. `redraw` names the part that is looked at afterwards; without it only the rule changes, so that
     * nobody loses the caret. `typing` names an input whose letters are undone together; `said` is told to who listens.
     */
    change(change, { redraw = "", typing = "", said = "" } = {}) {
        const key = keyOf(this.path);
        this.builder.change(this.path, change, { focus: redraw && `${key}#${redraw}`, typing: typing && `${key}#${typing}`, said });
    }

    say(sentence) {
        this.builder.say(sentence);
    }

    suggest(source, text, signal) {
        return this.builder.suggestions.find(source, text, signal);
    }

    /** The first part of every condition: what it is about. */
    picker(node) {
        const { catalogue, words } = this;
        const subject = this.builder.subjectOf(node);
        const chosen = catalogue.subjects.find((each) => each.value === subject);
        return new Combobox({
            words, text: chosen?.label || "", attributes: { ...this.named("field", words.what), class: "rk-input rk-combo rk-subject-of" },
            find: (text) => matching(catalogue.subjects, text).map((each) => ({ ...each, chosen: each === chosen })),
            pick: (option) => {
                if (option.value === subject) return;
                this.change((each) => {
                    for (const key of Object.keys(each)) delete each[key];
                    Object.assign(each, catalogue.fresh(option.value));
                }, { redraw: "field" });
            },
        }).input;
    }
}

const below = (path, name) => (!path || name.startsWith("[") ? `${path}${name}` : `${path}.${name}`);
