import pytest
from fakes.clock import ManualClock

from esmed.api.access import Names, Rates, Tokens, is_local
from esmed.api.problems import ProblemError
from esmed.caller import Caller
from esmed.config import Client
from esmed.secret import Secret

LOOPBACK = ("127.0.0.1", 8775)
NAMES = Names(["Esme-1", "sms.example.org"])


class TestHost:
    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1:8775", "localhost:8775", "LOCALHOST:8775", "[::1]:8775"),
            *("localhost", "127.0.0.1", "esme-1:8775", "sms.example.org:8775"),
        ],
    )
    def test_own(self, host: str) -> None:
        for _ in range(2):
            assert NAMES.is_own_host(host, LOOPBACK)

    @pytest.mark.parametrize(
        "host",
        [
            *("evil.example", "evil.example:8775", "127.0.0.1:8776", "127.0.0.2:8775"),
            *("", "localhost:", "localhost:8775:8775", "localhost.evil.example:8775"),
            *("10.0.0.1:8775", "::1", "localhost:8775/", " localhost:8775"),
        ],
    )
    def test_foreign(self, host: str) -> None:
        assert not NAMES.is_own_host(host, LOOPBACK)

    @pytest.mark.parametrize(
        ("sockname", "host"),
        [
            (("10.0.0.1", 80), "10.0.0.1"),
            (("10.0.0.1", 80), "10.0.0.1:80"),
            (("::1", 8775, 0, 0), "[::1]:8775"),
            (("fe80::1%eth0", 8775, 0, 2), "[fe80::1]:8775"),
            (("::ffff:10.0.0.1", 8775, 0, 0), "10.0.0.1:8775"),
        ],
    )
    def test_the_address_of_the_listener(
        self, sockname: tuple[object, ...], host: str
    ) -> None:
        assert NAMES.is_own_host(host, sockname)

    @pytest.mark.parametrize("sockname", ["/run/esmed/http.sock", b"\0esmed", ""])
    def test_a_unix_socket_has_any_name_but_that_of_a_site(
        self, sockname: object
    ) -> None:
        for host in ("localhost", "127.0.0.1", "esmed", "x", "", "[::1]:80"):
            assert NAMES.is_own_host(host, sockname)
        assert not NAMES.is_own_host("evil.example", sockname)


class TestOrigin:
    @pytest.mark.parametrize(
        ("origin", "sockname"),
        [
            ("http://localhost:8775", LOOPBACK),
            ("HTTP://127.0.0.1:8775", LOOPBACK),
            ("http://[::1]:8775", LOOPBACK),
            ("http://10.0.0.1", ("10.0.0.1", 80)),
            ("https://10.0.0.1", ("10.0.0.1", 443)),
        ],
    )
    def test_own(self, origin: str, sockname: tuple[object, ...]) -> None:
        assert NAMES.is_own_origin(origin, sockname)

    @pytest.mark.parametrize(
        "origin",
        [
            *("null", "", "http://evil.example", "http://evil.example:8775"),
            *("http://localhost", "http://localhost:3000", "file://", "localhost:8775"),
            *("ftp://localhost:8775", "http://[::1]", "http://"),
        ],
    )
    def test_foreign(self, origin: str) -> None:
        assert not NAMES.is_own_origin(origin, LOOPBACK)

    def test_no_page_comes_over_a_unix_socket(self) -> None:
        assert not NAMES.is_own_origin("http://localhost", "/run/esmed/http.sock")


@pytest.mark.parametrize(
    ("peername", "local"),
    [
        (("127.0.0.1", 40000), True),
        (("127.8.8.8", 40000), True),
        (("::1", 40000, 0, 0), True),
        (("::ffff:127.0.0.1", 40000, 0, 0), True),
        ("", True),
        (("10.0.0.1", 40000), False),
        (("2001:db8::1", 40000, 0, 0), False),
    ],
)
def test_who_is_on_this_machine(peername: object, local: bool) -> None:
    assert is_local(peername) is local


class TestTokens:
    tokens = Tokens(
        [
            Client(name="shop", token=Secret("s1"), senders=("Shop",)),
            Client(name="ops", token=Secret("ö2"), admin=True),
        ]
    )

    @pytest.mark.parametrize("header", ["Bearer s1", "bearer  s1 ", "BEARER s1"])
    def test_a_client(self, header: str) -> None:
        caller = self.tokens.caller(header)
        assert caller == Caller(name="shop", admin=False, senders=("Shop",))

    def test_an_administrator(self) -> None:
        caller = self.tokens.caller("Bearer ö2")
        assert caller == Caller(name="ops", admin=True)

    @pytest.mark.parametrize(
        "header", [None, "", "Bearer", "Bearer ", "Bearer s2", "Basic s1", "s1"]
    )
    def test_nobody(self, header: str | None) -> None:
        assert self.tokens.caller(header) is None

    def test_octets_that_are_no_text(self) -> None:
        assert self.tokens.caller("Bearer \udcff") is None

    def test_others(self) -> None:
        tokens = Tokens([Client(name="shop", token=Secret("s1"))])
        tokens.configure([Client(name="shop", token=Secret("s2"), admin=True)])
        assert tokens.caller("Bearer s1") is None
        assert tokens.caller("Bearer s2") == Caller(name="shop", admin=True)
        tokens.configure([])
        assert not tokens.needed

    def test_needed(self) -> None:
        assert self.tokens.needed
        assert not Tokens([]).needed


class TestRates:
    def test_the_rate_is_per_client(self) -> None:
        clock = ManualClock()
        rates = Rates(
            [
                Client(name="slow", token=Secret("1"), rate=2.0),
                Client(name="free", token=Secret("2")),
            ],
            clock,
        )
        slow, free = Caller(name="slow"), Caller(name="free")
        for _ in range(2):
            rates.check(slow)
            rates.take(slow, 1)
        with pytest.raises(ProblemError) as info:
            rates.check(slow)
        assert info.value.status == 429
        assert info.value.headers == {"Retry-After": "1"}
        for _ in range(100):
            rates.check(free)
            rates.take(free, 1)
        clock.advance(0.5)
        rates.check(slow)

    def test_a_batch_is_paid_for_afterwards(self) -> None:
        clock = ManualClock()
        rates = Rates([Client(name="slow", token=Secret("1"), rate=2.0)], clock)
        slow = Caller(name="slow")
        rates.check(slow)
        rates.take(slow, 21)
        with pytest.raises(ProblemError) as info:
            rates.check(slow)
        assert info.value.headers == {"Retry-After": "10"}
        clock.advance(9.9)
        with pytest.raises(ProblemError):
            rates.check(slow)
        clock.advance(0.1)
        rates.check(slow)

    def test_less_than_one_a_second(self) -> None:
        clock = ManualClock()
        rates = Rates([Client(name="slow", token=Secret("1"), rate=0.1)], clock)
        slow = Caller(name="slow")
        rates.check(slow)
        rates.take(slow, 1)
        with pytest.raises(ProblemError) as info:
            rates.check(slow)
        assert info.value.headers == {"Retry-After": "10"}

    def test_other_rates(self) -> None:
        """Who has the same as before has used up as much of it."""
        clock = ManualClock()
        same = Client(name="same", token=Secret("1"), rate=1.0)
        other = Client(name="other", token=Secret("2"), rate=1.0)
        rates = Rates([same, other], clock)
        callers = [Caller(name=name) for name in ("same", "other", "new")]
        for caller in callers:
            rates.take(caller, 1)
        rates.configure(
            [
                same,
                Client(name="other", token=Secret("2"), rate=2.0),
                Client(name="new", token=Secret("3"), rate=1.0),
            ]
        )
        with pytest.raises(ProblemError):
            rates.check(callers[0])
        for caller in callers[1:]:
            rates.check(caller)
        rates.configure([Client(name="same", token=Secret("1"))])
        for caller in callers:
            rates.check(caller)
