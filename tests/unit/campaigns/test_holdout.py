"""The keyed hash behind control groups."""

from __future__ import annotations

from campaigns.holdout import bucket, delivery_key, held_out

KEYS = [f"member-{number}" for number in range(20_000)]


class TestBucket:
    def test_is_the_same_on_every_machine_and_for_ever(self):
        assert bucket(key="anna", salt="s") == 0.7781962011028042
        assert bucket(key="顾客-1", salt="s") == bucket(key="顾客-1", salt="s")

    def test_lies_in_the_half_open_unit_interval(self):
        places = [bucket(key=key, salt="a") for key in KEYS]

        assert min(places) >= 0
        assert max(places) < 1

    def test_spreads_members_evenly(self):
        tenths = [0] * 10
        for key in KEYS:
            tenths[int(bucket(key=key, salt="a") * 10)] += 1

        # Chi-square with 9 degrees of freedom stays below 27.9 in 999 of 1,000 draws; this one is fixed.
        assert sum((count - 2_000) ** 2 / 2_000 for count in tenths) < 27.9

    def test_of_two_salts_have_nothing_to_do_with_each_other(self):
        both = sum(held_out(key=key, salt="a", share=0.5) and held_out(key=key, salt="b", share=0.5) for key in KEYS)

        assert abs(both - 5_000) < 4 * (20_000 * 0.25 * 0.75) ** 0.5


class TestHeldOut:
    def test_holds_out_nobody_at_zero_and_keeps_who_is_held_out_when_the_share_grows(self):
        assert not any(held_out(key=key, salt="a", share=0) for key in KEYS)
        small = {key for key in KEYS if held_out(key=key, salt="a", share=0.1)}
        large = {key for key in KEYS if held_out(key=key, salt="a", share=0.2)}

        assert small < large


class TestDeliveryKey:
    def test_names_one_message_of_one_enrolment_of_one_campaign(self):
        keys = {
            delivery_key(enrolment_id=enrolment, step=step, salt=salt)
            for enrolment in (1, 2, 11)
            for step in (1, 11)
            for salt in ("a", "b")
        }

        assert len(keys) == 12
        assert delivery_key(enrolment_id=1, step=1, salt="a") == delivery_key(enrolment_id=1, step=1, salt="a")
