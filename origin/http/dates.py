"""HTTP dates: written as RFC 9110 asks, read in each of its three forms."""

from __future__ import annotations

import datetime
import time

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_LONG_DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_EPOCH = datetime.date(1970, 1, 1).toordinal()
# RFC 9110 section 5.6.7 reads a two-digit year as at most 50 years ahead. Seen from 2026, and fixed: the
# form died before 1999, and a pivot that moved with the clock would make the same text mean two things.
_LAST_TWO_DIGIT_YEAR_OF_2000 = "76"


def http_date(timestamp: float) -> str:
    """Unix seconds as an IMF-fixdate, cut to whole seconds as `not_modified` cuts them."""
    year, month, day, hour, minute, second, weekday, *_ = time.gmtime(int(timestamp))
    date = f"{_DAYS[weekday]}, {day:02d} {_MONTHS[month - 1]} {year:04d}"
    return f"{date} {hour:02d}:{minute:02d}:{second:02d} GMT"


def parse_http_date(text: str) -> float | None:
    """Unix seconds from any of the three forms of RFC 9110 section 5.6.7; None for anything else.

    The name of the weekday has to be one, but is not held against the date.
    """
    if not text.isascii():
        return None
    try:
        match text.split(" "):
            case [weekday, day, month, year, clock, "GMT"] if weekday[-1:] == "," and weekday[:-1] in _DAYS:
                return _unix(year, month, day, clock)
            case [weekday, date, clock, "GMT"] if weekday[-1:] == "," and weekday[:-1] in _LONG_DAYS:
                day, month, year = date.split("-")
                century = "20" if year <= _LAST_TWO_DIGIT_YEAR_OF_2000 else "19"
                return _unix(century + year, month, day, clock)
            case [weekday, month, "", day, clock, year] if weekday in _DAYS:
                return _unix(year, month, "0" + day, clock)
            case [weekday, month, day, clock, year] if weekday in _DAYS:
                return _unix(year, month, day, clock)
    except ValueError:
        pass
    return None


def _unix(year: str, month: str, day: str, clock: str) -> float:
    """Raises ValueError for a date that does not exist or fields of the wrong width."""
    hour, minute, second = clock.split(":")
    fields = (year, day, hour, minute, second)
    if [len(field) for field in fields] != [4, 2, 2, 2, 2] or not "".join(fields).isdigit():
        raise ValueError(clock)
    if hour > "23" or minute > "59" or second > "60":  # 60: a leap second is in the grammar
        raise ValueError(clock)
    date = datetime.date(int(year), _MONTHS.index(month) + 1, int(day))
    days = date.toordinal() - _EPOCH
    return float(((days * 24 + int(hour)) * 60 + int(minute)) * 60 + int(second))
