"""When two addresses are one source, and whether a quote is in a page."""

import pytest

from orchestration.strategies.research.sources import is_in, source_key, source_score


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://www.example.org/a/", "http://example.org/a"),
        ("https://example.org/a?utm_source=x&b=1", "https://example.org/a?b=1#part"),
        ("https://example.org/a?c=2&b=1", "https://example.org/a?b=1&c=2"),
        ("https://doi.org/10.1038/S41586-020-2649-2", "https://www.nature.com/articles/doi/10.1038/s41586-020-2649-2"),
        ("https://doi.org/10.1002%2Fece3.4321", "https://onlinelibrary.wiley.com/doi/full/10.1002/ece3.4321"),
        (
            "https://www.frontiersin.org/articles/10.3389/fevo.2019.00001/full",
            "https://doi.org/10.3389/fevo.2019.00001",
        ),
        ("https://iopscience.iop.org/article/10.1088/1748-9326/ab1234/pdf", "doi:10.1088/1748-9326/ab1234"),
        ("https://example.org/10.1234/abc.PDF?download=1", "https://doi.org/10.1234/ABC"),
        ("https://example.org:443/a", "http://example.org:80/a"),
        ("https://example.org/index.html", "https://example.org/"),
    ],
)
def test_these_are_one_source(one: str, other: str) -> None:
    assert source_key(one) == source_key(other)


def test_these_are_two_sources() -> None:
    assert source_key("https://example.org/a") != source_key("https://example.org/b")
    assert source_key("https://example.org:8443/a") != source_key("https://example.org/a")
    assert source_key("https://doi.org/10.1234/abc") != source_key("https://doi.org/10.1234/abcd")
    assert source_key("https://example.org/a?page=1") != source_key("https://example.org/a?page=2")


@pytest.mark.parametrize(
    ("url", "score"),
    [
        ("https://www.mit.edu/x", 0.85),
        ("https://pubmed.ncbi.nlm.nih.gov/1", 0.85),
        ("https://data.gov/x", 0.8),
        ("https://notwikipedia.org.evil.example/", 0.6),
        ("https://en.wikipedia.org/wiki/X", 0.7),
    ],
)
def test_the_longest_end_of_a_host_decides_its_score(url: str, score: float) -> None:
    assert source_score(url) == score


def test_a_quote_must_be_in_the_page_word_for_word() -> None:
    page = "The survey – of 2021 – counted “61 species”\nof wild bees."
    assert is_in('counted "61 species" of wild bees', page)
    assert not is_in("counted 62 species of wild bees", page)
    assert not is_in("of", page)
