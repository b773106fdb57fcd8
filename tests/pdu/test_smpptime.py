"""Vectors written from SMPP 3.4 §7.1.1."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pdu import smpptime
from pdu.errors import DecodeError, EncodeError

NOW = datetime(2026, 1, 31, 12, 0, tzinfo=UTC)

quarter_hours = st.integers(-48, 48).map(
    lambda quarters: timezone(timedelta(minutes=15 * quarters))
)


def zone(hours: int, minutes: int = 0) -> timezone:
    return timezone(timedelta(hours=hours, minutes=minutes))


class TestAbsolute:
    @pytest.mark.parametrize(
        ("moment", "value"),
        [
            (datetime(2025, 12, 6, 12, 30, 59, tzinfo=UTC), "251206123059000+"),
            (datetime(2025, 12, 6, 12, 30, 59, tzinfo=zone(3)), "251206123059012+"),
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(5, 45)), "251206123000023+"),
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(-3, -30)), "251206123000014-"),
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(-12)), "251206123000048-"),
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(12)), "251206123000048+"),
            # Tenths are cut off, not rounded up.
            (datetime(2025, 12, 6, 0, 0, 0, 999_999, tzinfo=UTC), "251206000000000+"),
            (datetime(2000, 1, 1, tzinfo=UTC), "000101000000000+"),
            (datetime(2099, 12, 31, 23, 59, 59, tzinfo=UTC), "991231235959000+"),
        ],
    )
    def test_vectors(self, moment: datetime, value: str) -> None:
        assert smpptime.absolute(moment) == value

    @pytest.mark.parametrize(
        ("moment", "value"),
        [
            # 48 quarter hours is all that the format has.
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(13)), "251205233000000+"),
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(0, 7)), "251206122300000+"),
            (datetime(2025, 12, 6, 12, 30, tzinfo=zone(0, -7)), "251206123700000+"),
            (datetime(2100, 1, 1, 12, 0, tzinfo=zone(14)), "991231220000000+"),
        ],
    )
    def test_zones_beyond_the_format_give_utc(
        self, moment: datetime, value: str
    ) -> None:
        assert smpptime.absolute(moment) == value

    @pytest.mark.parametrize(
        "moment",
        [
            datetime(2025, 12, 6),  # noqa: DTZ001  the point of the test
            datetime(1999, 12, 31, 23, 59, tzinfo=UTC),
            datetime(2100, 1, 1, tzinfo=UTC),
            datetime(2100, 1, 1, 12, 0, tzinfo=zone(-13)),
            datetime(1, 1, 1, tzinfo=zone(14)),
            datetime(9999, 12, 31, tzinfo=zone(-14)),
        ],
    )
    def test_refusals_name_the_time(self, moment: datetime) -> None:
        with pytest.raises(EncodeError, match=f"{moment.year:04d}-"):
            smpptime.absolute(moment)

    @given(
        st.datetimes(
            datetime(2000, 1, 1),  # noqa: DTZ001  bounds are naive by definition
            datetime(2099, 12, 31),  # noqa: DTZ001
            timezones=quarter_hours,
        )
    )
    def test_round_trip(self, moment: datetime) -> None:
        moment = moment.replace(microsecond=0)
        parsed = smpptime.parse(smpptime.absolute(moment), NOW)
        assert parsed == moment
        assert parsed.utcoffset() == moment.utcoffset()


class TestRelative:
    @pytest.mark.parametrize(
        ("seconds", "value"),
        [
            (0, "000000000000000R"),
            (59, "000000000059000R"),
            (3600, "000000010000000R"),
            (86_399, "000000235959000R"),
            (86_400, "000001000000000R"),
            (31 * 86_400, "000031000000000R"),
            # Beyond what the days can say: months of 30, years of 365 days.
            (32 * 86_400, "000102000000000R"),
            (364 * 86_400, "001204000000000R"),
            (365 * 86_400, "010000000000000R"),
            (36_500 * 86_400 - 1, "991204235959000R"),
        ],
    )
    def test_vectors(self, seconds: int, value: str) -> None:
        assert smpptime.relative(seconds) == value

    @pytest.mark.parametrize("seconds", [-1, -86_401, 36_500 * 86_400])
    def test_refusals_name_the_span(self, seconds: int) -> None:
        with pytest.raises(EncodeError, match=str(seconds)):
            smpptime.relative(seconds)

    @given(st.integers(0, 36_500 * 86_400 - 1))
    def test_round_trip(self, seconds: int) -> None:
        value = smpptime.relative(seconds)
        assert len(value) == 16
        assert smpptime.parse(value, NOW) == NOW + timedelta(seconds=seconds)
        assert smpptime.parse_relative(value) == timedelta(seconds=seconds)


class TestParse:
    def test_empty_leaves_it_to_the_smsc(self) -> None:
        assert smpptime.parse("", NOW) is None

    def test_the_example_of_the_standard(self) -> None:
        # "2 years, 6 months, 10 days, 23 hours, 34 minutes and 29 seconds"
        assert smpptime.parse_relative("020610233429000R") == timedelta(
            days=2 * 365 + 6 * 30 + 10, hours=23, minutes=34, seconds=29
        )

    def test_tenths(self) -> None:
        assert smpptime.parse("251206123059700+", NOW) == datetime(
            2025, 12, 6, 12, 30, 59, 700_000, tzinfo=UTC
        )
        assert smpptime.parse_relative("000000000001500R") == timedelta(seconds=1.5)

    def test_behind_utc(self) -> None:
        assert smpptime.parse("251206123059020-", NOW) == datetime(
            2025, 12, 6, 17, 30, 59, tzinfo=UTC
        )

    def test_relative_counts_from_now(self) -> None:
        assert smpptime.parse("000001000000000R", NOW) == NOW + timedelta(days=1)

    @pytest.mark.parametrize(
        "value",
        [
            "251306123059000+",
            "250006123059000+",
            "250230123059000+",
            "251206243059000+",
            "251206126059000+",
            "251206123060000+",
            "251206123059049+",  # more quarter hours than half a day has
            "251206123059099-",
            "001300000000000R",
            "000032000000000R",
            "000000240000000R",
            "000000006000000R",
            "000000000060000R",
            "2512061230",
            "251206123059000",
            "251206123059000Z",
            "251206123059000r",
            "251206123059000+\n",
            " 51206123059000+",
            "٢51206123059000+",
            "R",
            "now",
        ],
    )
    def test_refusals_name_the_value(self, value: str) -> None:
        with pytest.raises(DecodeError) as caught:
            smpptime.parse(value, NOW)
        assert repr(value) in str(caught.value)

    def test_one_kind_is_not_the_other(self) -> None:
        with pytest.raises(DecodeError):
            smpptime.parse_absolute("000001000000000R")
        with pytest.raises(DecodeError):
            smpptime.parse_relative("251206123059000+")

    @given(st.text(max_size=20) | st.from_regex(r"[0-9]{15}[-+R]", fullmatch=True))
    def test_raises_nothing_else(self, value: str) -> None:
        try:
            moment = smpptime.parse(value, NOW)
        except DecodeError:
            return
        assert moment is None or moment.tzinfo is not None
