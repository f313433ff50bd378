"""Numbers are written by ourselves because there are thousands of them, and as Babel writes them."""

from __future__ import annotations

from babel.numbers import format_decimal
from hypothesis import given
from hypothesis import strategies as st

from webapp.renderers.numbers import decimal_text

AMOUNTS = st.integers(-(10**15), 10**15) | st.floats(-1e12, 1e12) | st.sampled_from([2.675, 0.125, -0.001, 1e-7, 0.0])


@given(amount=AMOUNTS, locale=st.sampled_from(("en", "es", "es_MX", "de_CH", "fr", "pl", "hi")))
def test_a_number_is_written_as_babel_writes_it(amount: float, locale: str) -> None:
    assert decimal_text(amount, 2, locale) == format_decimal(amount, "#,##0.00", locale)
    assert decimal_text(amount, 0, locale) == format_decimal(amount, "#,##0", locale)
    assert decimal_text(int(amount), None, locale) == format_decimal(int(amount), locale=locale)
