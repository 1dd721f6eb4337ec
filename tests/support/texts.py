"""Texts for Hypothesis."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st


def any_text(**sizes: Any) -> st.SearchStrategy[str]:
    """All that `st.text` gives, any character of UTF-8. It leaves out surrogates by name: in a fresh clone
    `st.text` finds them by encoding each character, for two seconds in each process."""
    return st.text(st.characters(exclude_categories=["Cs"]), **sizes)
