/* What rules may ask, as the page brings it along: fields, behaviours, segments, operators, in the language on screen. */

const FIRST_FIELD = "days_since_last_order";
const FIRST_OPERATORS = { number: ">=", decimal: ">=", money_minor: ">=", share: ">=", text: "in", enumeration: "in" };

export class Catalogue {
    constructor({ schema, segments, suggested, words }) {
        this.words = words;
        this.limits = schema.limits;
        this.segments = segments;
        this.operators = new Map(schema.operators.map((operator) => [operator.code, operator]));
        this.fields = new Map(schema.fields.map((field) => [field.name, { ...field, suggested: suggested[field.name] }]));
        this.behaviours = new Map((schema.behaviours || []).map((behaviour) => [behaviour.code, {
            ...behaviour, wheres: behaviour.wheres.map((where) => ({ ...where, suggested: suggested[`where.${where.name}`] })),
        }]));
        this.subjects = [...this.listed()];
    }

    /** Everything that a condition can be about, in groups, with a line of help each. */
    * listed() {
        for (const field of this.fields.values()) {
            yield this.subject(`field:${field.name}`, field.label, field.group || this.words.fields, field.help, field.name);
        }
        for (const behaviour of this.behaviours.values()) {
            yield this.subject(`did:${behaviour.code}`, behaviour.label, this.words.behaviours, this.words.behaviour_help, behaviour.code, [behaviour.verb, ...behaviour.verbs_to]);
        }
        if (this.segments.length) yield this.subject("is:segment", this.words.in_segment, this.words.others, this.words.segment_help, "in_segment");
        yield this.subject("is:everyone", this.words.everyone, this.words.others, this.words.everyone_help, "everyone");
    }

    subject(value, label, group, hint, name, said = []) {
        const called = [name, name.replaceAll("_", " "), ...said].join(" ").toLocaleLowerCase();
        return { value, label, group, hint, called, words: `${[label, group, hint].join(" ").toLocaleLowerCase()} ${called}` };
    }

    /** A new condition about a subject, as far as it can be written without asking. */
    fresh(value) {
        if (value === "is:everyone") return { everyone: true };
        if (value === "is:segment") return { in_segment: this.segments[0].slug };
        const [kind, name] = [value.slice(0, value.indexOf(":")), value.slice(value.indexOf(":") + 1)];
        if (kind === "did") return { did: name, operator: ">=", times: 1, within_days: 90 };
        const field = this.fields.get(name);
        const wanted = FIRST_OPERATORS[field.type];
        return { field: name, operator: field.operators.includes(wanted) ? wanted : field.operators[0] };
    }

    first() {
        const name = this.fields.has(FIRST_FIELD) ? FIRST_FIELD : this.fields.keys().next().value;
        return this.fresh(`field:${name}`);
    }

    shapeOf(operator) {
        return this.operators.get(operator)?.value;
    }
}
