"""What a rule means, in plain Python, read from the reference page and the JSON itself: no code of rules/ is used.

True, False or None (unknown). A row maps a field's name to what the member has: datetime.date for dates, (month, day)
under "<field>:month_day", a set of texts for tags, None for what is missing.
"""

import datetime

COMPARISONS = {
    "=": lambda has, asked: has == asked,
    "!=": lambda has, asked: has != asked,
    "<": lambda has, asked: has < asked,
    "<=": lambda has, asked: has <= asked,
    ">": lambda has, asked: has > asked,
    ">=": lambda has, asked: has >= asked,
    "before": lambda has, asked: has < asked,
    "after": lambda has, asked: has > asked,
    "between": lambda has, asked: asked[0] <= has <= asked[1],
    "in": lambda has, asked: has in asked,
    "not_in": lambda has, asked: has not in asked,
    "contains": lambda has, asked: asked in has,
    "starts_with": lambda has, asked: has[: len(asked)] == asked,
}


class Oracle:
    def __init__(self, *, as_of, leap_day="feb28", segments=None):
        self.as_of = as_of
        self.leap_day = leap_day
        self.segments = segments or {}

    def holds(self, rule, row):
        if "rules" in rule:
            answer = self.group(rule["combinator"], [self.holds(each, row) for each in rule["rules"]])
            return self.denied(answer) if rule.get("not") else answer
        if "everyone" in rule:
            return True
        if "in_segment" in rule:
            segment = self.segments[rule["in_segment"]]
            return row["id"] in segment if isinstance(segment, set) else self.holds(segment, row)
        return self.leaf(rule, row)

    def group(self, combinator, answers):
        settling = combinator == "or"
        if any(answer is settling for answer in answers):
            return settling
        return None if any(answer is None for answer in answers) else not settling

    def denied(self, answer):
        return {True: False, False: True, None: None}[answer]

    def leaf(self, rule, row):
        name, operator, asked = rule["field"], rule["operator"], rule.get("value")
        if operator == "has_tag":
            return asked in row[name]
        if operator == "is_anniversary_within_days":
            born = row[f"{name}:month_day"]
            return None if born is None else any(self.celebrates(born, day) for day in self.next_days(asked))
        has = row[name]
        if operator == "is_null":
            return has is None
        if operator == "is_not_null":
            return has is not None
        if has is None:
            return None
        if operator == "within_last_days":
            return has in [self.as_of - datetime.timedelta(days=ago) for ago in range(asked)]
        if operator == "within_next_days":
            return has in self.next_days(asked)
        if isinstance(has, datetime.date):
            asked = self.as_dates(asked)
        return COMPARISONS[operator](has, asked)

    def as_dates(self, asked):
        if isinstance(asked, list):
            return [self.as_dates(each) for each in asked]
        year, month, day = asked.split("-")
        return datetime.date(int(year), int(month), int(day))

    def next_days(self, count):
        return [self.as_of + datetime.timedelta(days=ahead) for ahead in range(count)]

    def celebrates(self, born, day):
        """A member born on (month, day) celebrates on that date, or on the stand-in when the year has no such date."""
        try:
            party = datetime.date(day.year, *born)
        except ValueError:
            party = datetime.date(day.year, 2, 28) if self.leap_day == "feb28" else datetime.date(day.year, 3, 1)
        return party == day
