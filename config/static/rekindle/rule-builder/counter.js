/* How many the rule reaches: asked a moment after the last change, first quickly, then exactly, then who is inside.

   At most one count of a page runs. Typing on and leaving stop it, in the database too: the page names its counts, and the
   server lets nobody else stop them. */

import { h, icon } from "./dom.js";

const WAIT_MS = 400;

export class Counter {
    constructor(builder) {
        Object.assign(this, { builder, words: builder.words, panel: builder.panel, addresses: builder.addresses });
        this.page = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
        this.number = 0;
        addEventListener("pagehide", () => this.stop());
    }

    /** Asks anew for a rule that is whole; `sentence` is shown instead for one that is not. */
    ask(rule, sentence) {
        clearTimeout(this.timer);
        this.stop();
        if (rule === null) {
            this.show({ sentence });
            return;
        }
        this.panel?.setAttribute("aria-busy", "true");
        if (this.panel) this.panel.dataset.stale = "";
        this.timer = setTimeout(() => this.run(rule), WAIT_MS);
    }

    stop() {
        if (!this.asking) return;
        this.asking.abort();
        this.asking = null;
        const told = new FormData();
        told.append("page", this.page);
        told.append("number", this.number);
        told.append("csrfmiddlewaretoken", this.token);
        navigator.sendBeacon(this.addresses.stop, told);
    }

    get token() {
        return this.builder.root.closest("form").querySelector("[name=csrfmiddlewaretoken]").value;
    }

    async run(rule) {
        const asking = new AbortController();
        this.asking = asking;
        try {
            if (!this.panel) {
                this.builder.found(await this.post("read", rule, asking));
                return;
            }
            this.waits = setTimeout(() => { if (!this.panel.dataset.count) this.show({ hint: this.words.counting }); }, 300);
            let answer = await this.post("quick", rule, asking);
            this.builder.found(answer);
            this.show(answer);
            if (!answer.exact) {
                answer = { ...answer, hint: "", ...await this.post("exact", rule, asking) };
                this.show(answer);
            }
            this.builder.say(`${answer.count_text}, ${answer.share_text}`);
            if (answer.count) this.show({ ...answer, ...await this.post("inside", rule, asking) });
        } catch (error) {
            if (asking.signal.aborted) return;
            if (error.problems) this.builder.refused(error.problems);
            this.show({ hint: error.problems ? this.words.wrong : error.sentence || this.words.failed, failed: true });
        } finally {
            clearTimeout(this.waits);
            if (this.asking === asking) {
                this.asking = null;
                this.panel?.removeAttribute("aria-busy");
            }
        }
    }

    async post(step, rule, asking) {
        this.number += 1;
        const response = await fetch(this.addresses.count, {
            method: "POST",
            headers: { "Content-Type": "application/json", "X-CSRFToken": this.token },
            body: JSON.stringify({ step, rule, page: this.page, number: this.number }),
            signal: asking.signal,
        });
        const answer = await response.json();
        if (!response.ok) throw Object.assign(new Error(String(response.status)), answer);
        return answer;
    }

    /* --- showing */

    show(answer) {
        if (!this.panel) return;
        delete this.panel.dataset.stale;
        if (answer.count === undefined) {
            delete this.panel.dataset.count;
            delete this.panel.dataset.exact;
        } else {
            this.panel.dataset.count = answer.count;
            this.panel.dataset.exact = answer.exact;
        }
        this.panel.replaceChildren(...[
            answer.hint ? h("p", { class: answer.failed ? "rk-error" : "rk-hint" }, answer.hint) : null,
            answer.count === undefined ? null : figure(answer),
            answer.sentence ? h("p", { class: answer.count === undefined ? "rk-hint" : "rk-say" }, answer.sentence) : null,
            answer.stages ? stages(answer.stages, this.words) : null,
            answer.reach ? reach(answer.reach, this.words) : null,
            answer.sample?.length ? examples(answer.sample, this.words) : null,
            answer.fresh ? h("p", { class: "rk-hint" }, answer.fresh) : null,
        ].filter(Boolean));
    }
}

function figure(answer) {
    return h("div", { class: answer.exact ? "rk-count" : "rk-count rk-about" },
        h("p", { class: "rk-figure" }, answer.count_text, h("small", {}, answer.share_text)),
        answer.range_text ? h("p", { class: "rk-hint" }, icon("hourglass_empty"), answer.range_text) : null);
}

function stages(found, words) {
    const shown = found.filter((each) => each.count);
    const parts = shown.map((each) => h("i", { class: `rk-${each.colour}`, title: `${each.label} ${each.text}` }));
    parts.forEach((part, index) => { part.style.flexGrow = shown[index].count; });
    return h("section", { "aria-label": words.stages },
        h("h4", {}, words.stages),
        h("div", { class: "rk-stage-bar", "aria-hidden": "true" }, parts),
        h("ul", { class: "rk-stage-list" }, shown.map((each) => h("li", { class: `rk-${each.colour}` }, icon(each.icon), h("span", {}, each.label), h("b", {}, each.text)))));
}

function reach(found, words) {
    return h("section", { "aria-label": words.reachable },
        h("h4", {}, words.reachable), h("ul", { class: "rk-stage-list" }, found.map((each) => h("li", {}, icon(each.icon), h("span", {}, each.label), h("b", {}, each.text)))));
}

function examples(people, words) {
    return h("section", {}, h("h4", {}, words.for_example),
        h("ul", { class: "rk-sample" }, people.map((each) => h("li", {}, h("a", { class: "rk-link", href: each.url, target: "_blank" }, each.name)))));
}
