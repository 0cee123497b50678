"""Words by a language model: an owner allows it, a reviewer keeps them, an analyst sees what became of them."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection
from playwright.sync_api import expect

from flowpilot.llm.models import LanguageModel
from proposals.wordings.run import proposal_word
from tests.browser.conftest import OpenPage
from tests.browser.test_every_page import barriers
from tests.conftest import Cast
from tests.llm_server import model_server
from tests.proposals.wording_cases import polite, worded_proposal

pytestmark = pytest.mark.browser


def work(pk: int) -> None:
    """What a worker does for a proposal, in a thread of its own: this one has Playwright's loop."""
    assert proposal_word(proposal_id=pk) is not None
    connection.close()


@pytest.mark.parametrize(("theme", "width"), [("light", 1280), ("dark", 390)])
def test_from_the_switch_to_the_flow(open_page: OpenPage, cast: Cast, settings: Any, theme: str, width: int) -> None:
    settings.LLM_ALLOW_PRIVATE = True
    proposal = worded_proposal(cast.account)
    with model_server(polite) as server:
        owner = open_page("/admin/llm/languagemodel/add/", user=cast.olivia, theme=theme, width=width)
        expect(owner.get_by_role("heading", name="What leaves the house")).to_be_visible()
        owner.get_by_label("Account").select_option(label=cast.account.name)
        owner.get_by_label("On", exact=True).check()
        owner.get_by_label("Provider").select_option(LanguageModel.Provider.COMPATIBLE)
        owner.get_by_label("Model", exact=False).first.fill("scripted")
        owner.get_by_label("Address").fill(server.url)
        assert barriers(owner) == []
        owner.get_by_role("button", name="Save", exact=True).click()
        expect(owner.get_by_text("was added successfully")).to_be_visible()

        with ThreadPoolExecutor(1) as worker:
            worker.submit(work, proposal.pk).result()

    page = open_page(f"/admin/proposals/flowproposal/{proposal.pk}/change/", user=cast.alice, theme=theme, width=width)
    page.get_by_role("link", name="Compare the words").click()
    step = page.get_by_role("region", name="Step n2")
    step.get_by_label("Please restart the router").check()
    assert barriers(page) == []
    page.get_by_role("button", name="Open the editor with what I chose").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(proposal.title)
    expect(page.locator("body")).to_contain_text("Please restart the router")
    assert barriers(page) == []

    figures = open_page("/admin/analytics/language-model/", user=cast.carol, theme=theme, width=width)
    expect(figures.get_by_role("main")).to_contain_text("scripted")
    assert barriers(figures) == []
