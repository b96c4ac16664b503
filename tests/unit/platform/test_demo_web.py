"""The small web that research is shown and tested on."""

import httpx
from django.conf import settings

from shannon_project.demo.web import SmallWeb, pages_of, serving

PAGES = {
    "/bees": "<html><title>Bees</title><body><p>Wild bees nest in the ground.</p></body></html>",
    "/trains": "<html><title>Trains</title><body><p>The train leaves at nine.</p></body></html>",
    "/broken": "<html><title>Broken nests of bees</title></html>",
}


def test_pages_are_found_by_their_words_the_best_first_and_read() -> None:
    with serving(SmallWeb(PAGES, broken={"/broken"})) as web, httpx.Client(base_url=web.base) as http:
        found = http.get("/search", params={"q": "Where do wild bees nest?", "format": "json"}).json()["results"]
        assert [(hit["title"], hit["url"]) for hit in found] == [
            ("Bees", f"{web.base}/bees"),
            ("Broken nests of bees", f"{web.base}/broken"),
        ]
        assert found[0]["content"] == "Wild bees nest in the ground."
        assert http.get("/search", params={"q": "ab"}).json() == {"results": []}
        assert http.get("/search").json() == {"results": []}
        assert http.get("/bees?utm_source=x").text == PAGES["/bees"]
        assert [http.get(path).status_code for path in ("/broken", "/nothing", "/search/x")] == [500, 404, 404]
        assert web.asked[-1] == "/search/x"


def test_the_examples_pages_answer_the_examples_question_and_one_of_them_does_not() -> None:
    folder = settings.BASE_DIR / "examples"
    web = SmallWeb(pages_of(folder / "pages"))
    try:
        found = [hit["url"].rpartition("/")[2] for hit in web.found((folder / "research.txt").read_text())]
    finally:
        web.server_close()
    assert found[0] != "night-train.html"
    assert len(set(found) - {"night-train.html"}) == len(web.pages) - 1
