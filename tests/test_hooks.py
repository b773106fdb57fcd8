"""`esmed.hooks`: signatures, the schedule of events, and when a URL is trusted."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from esmed import hooks
from esmed.hooks import Breaker
from esmed.secret import webhook_key

# The example that the libraries of the specification (standardwebhooks.com) share.
SPEC_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
SPEC_ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
SPEC_TIMESTAMP = 1_614_265_330
SPEC_BODY = b'{"test": 2432232314}'
SPEC_SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="

SECOND = 1000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR
T = 1_767_225_600_000


class TestSignatures:
    def test_example_of_the_specification(self) -> None:
        key = webhook_key(SPEC_SECRET)

        signer = hooks.Signer(key)

        for _ in range(2):
            assert signer.sign(SPEC_ID, SPEC_TIMESTAMP, SPEC_BODY) == SPEC_SIGNATURE

    def test_whsec_is_decoded(self) -> None:
        assert webhook_key("whsec_AAEC/w==") == b"\x00\x01\x02\xff"

    def test_anything_else_is_taken_as_it_is(self) -> None:
        assert webhook_key("пароль") == "пароль".encode()
        assert webhook_key("WHSEC_AAEC") == b"WHSEC_AAEC"

    @pytest.mark.parametrize("bad", ["whsec_", "whsec_AAE", "whsec_geheim!"])
    def test_bad_base64_is_refused_without_being_shown(self, bad: str) -> None:
        with pytest.raises(ValueError, match="whsec_") as caught:
            webhook_key(bad)

        assert str(caught.value) in {
            "what follows whsec_ is not base64",
            "nothing follows whsec_",
        }
        assert caught.value.__suppress_context__ or caught.value.__context__ is None

    def test_own_secret_signs_as_its_key_does(self) -> None:
        url = "https://hooks.example.org/a?token=1"

        own = hooks.own_secret(b"k", url)

        # echo -n "$url" | openssl dgst -sha256 -hmac k -binary | base64
        assert own == "whsec_rV4SNKrQDlKmOuiELPfTVDctMGJqlNgtFtnmvx3VKg4="
        assert webhook_key(own) == hooks.own_key(b"k", url)

    def test_every_url_has_another_secret(self) -> None:
        secrets = {
            hooks.own_secret(key, url)
            for key in (b"k", b"l")
            for url in ("https://a.example/", "https://a.example", "https://b.example/")
        }

        assert len(secrets) == 6


class TestEvents:
    def test_schedule(self) -> None:
        now, tries, pauses = T, 0, []
        while due_at := hooks.next_attempt(
            begun_at=T, tries=tries, now=now, jitter=0.5
        ):
            pauses.append((due_at - now) / SECOND)
            now, tries = due_at, tries + 1

        assert pauses[:11] == [
            7.5, 15, 30, 60, 120, 240, 480, 960, 1920, 2700, 2700,
        ]  # fmt: skip
        assert now == T + DAY
        assert tries == 40

    def test_the_last_attempt_is_made_at_the_end_of_the_day(self) -> None:
        before = T + DAY - 10 * SECOND

        due_at = hooks.next_attempt(begun_at=T, tries=30, now=before, jitter=0.0)

        assert due_at == T + DAY
        assert hooks.next_attempt(begun_at=T, tries=31, now=T + DAY, jitter=0.0) is None

    def test_an_old_one_gets_three_attempts(self) -> None:
        now = T + 3 * DAY

        dues = [
            hooks.next_attempt(begun_at=T, tries=tries, now=now, jitter=0.0)
            for tries in range(3)
        ]

        assert dues == [now + 5 * SECOND, now + 10 * SECOND, None]

    def test_old(self) -> None:
        assert not hooks.is_old(T, T + DAY - 1)
        assert hooks.is_old(T, T + DAY)

    @given(
        tries=st.integers(0, 1000),
        age=st.integers(0, 2 * DAY),
        jitter=st.floats(0, 1, exclude_max=True),
    )
    def test_pauses_are_between_five_seconds_and_an_hour(
        self, tries: int, age: int, jitter: float
    ) -> None:
        now = T + age

        due_at = hooks.next_attempt(begun_at=T, tries=tries, now=now, jitter=jitter)

        if due_at is None:
            assert age >= DAY
            assert tries >= 2
        elif due_at != T + DAY:
            assert 5 * SECOND <= due_at - now <= HOUR


def failing(times: int, *, now: int = T) -> Breaker:
    breaker = Breaker()
    for _ in range(times):
        breaker.failed(now, news=True, jitter=0.0)
    return breaker


class TestBreaker:
    def test_trust_is_earned_one_by_one(self) -> None:
        breaker = Breaker()
        earned = [breaker.allowance]
        for _ in range(4):
            breaker.succeeded(4)
            earned.append(breaker.allowance)

        assert earned == [1, 2, 3, 4, 4]
        assert breaker.proven
        assert not Breaker().proven

    def test_a_failure_halves_it(self) -> None:
        breaker = Breaker()
        for _ in range(7):
            breaker.succeeded(8)

        assert not breaker.failed(T, news=True, jitter=0.0)
        assert breaker.allowance == 4
        assert not breaker.rests(T)
        assert not breaker.well

    def test_the_third_in_a_row_sends_it_to_rest(self) -> None:
        breaker = failing(2)

        assert breaker.failed(T, news=True, jitter=0.0)

        assert breaker.rests(T)
        assert breaker.rests(T + 5 * SECOND - 1)
        assert not breaker.rests(T + 5 * SECOND)
        assert breaker.allowance == 1

    def test_a_success_between_breaks_the_row(self) -> None:
        breaker = failing(2)

        assert not breaker.succeeded(8)
        breaker.failed(T, news=True, jitter=0.0)
        breaker.failed(T, news=True, jitter=0.0)

        assert not breaker.rests(T)

    def test_rests_double_up_to_ten_minutes(self) -> None:
        breaker, now, rests = failing(3), T + 5 * SECOND, []
        for _ in range(9):
            assert not breaker.failed(now, news=True, jitter=0.0)
            length = next(s for s in range(601) if not breaker.rests(now + s * SECOND))
            rests.append(length)
            now += length * SECOND

        assert rests == [10, 20, 40, 80, 160, 300, 300, 300, 300]

    def test_rests_are_jittered(self) -> None:
        breaker = Breaker()
        for _ in range(3):
            breaker.failed(T, news=True, jitter=0.5)

        assert breaker.rests(T + 7499)
        assert not breaker.rests(T + 7500)

    def test_what_was_under_way_says_nothing_new(self) -> None:
        breaker = failing(3)

        for _ in range(5):
            assert not breaker.failed(T + SECOND, news=True, jitter=0.0)

        assert not breaker.rests(T + 5 * SECOND)
        breaker.failed(T + 5 * SECOND, news=True, jitter=0.0)
        assert breaker.rests(T + 15 * SECOND - 1)
        assert not breaker.rests(T + 15 * SECOND)

    def test_one_bad_event_does_not_send_it_to_rest(self) -> None:
        breaker = failing(1)

        for minute in range(100):
            assert not breaker.failed(T + minute * MINUTE, news=False, jitter=0.0)

        assert not breaker.rests(T + 100 * MINUTE)
        assert not breaker.hopeless(T + 100 * MINUTE)
        assert not breaker.well

    def test_at_rest_even_no_news_makes_it_rest_again_but_not_longer(self) -> None:
        breaker = failing(3)

        for step in range(1, 4):
            assert not breaker.failed(T + step * 5 * SECOND, news=False, jitter=0.0)

        assert breaker.rests(T + 20 * SECOND - 1)
        assert not breaker.rests(T + 20 * SECOND)

    def test_a_success_ends_it_gradually(self) -> None:
        breaker = failing(5)

        assert breaker.succeeded(8)

        assert not breaker.rests(T)
        assert breaker.well
        assert breaker.allowance == 2
        assert not breaker.succeeded(8)

    def test_hopeless_after_an_hour_without_success(self) -> None:
        breaker = failing(3)
        assert not breaker.hopeless(T + HOUR - 1)
        assert breaker.hopeless(T + HOUR)

        breaker.succeeded(8)
        assert not breaker.hopeless(T + HOUR)
        assert not Breaker().hopeless(T + DAY)
