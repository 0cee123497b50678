"""Texts fit to be shown: nothing private, clear titles, telling labels."""

import time

import pytest

from proposals.mining import Masker, Names
from proposals.mining.labels import option_labels
from proposals.mining.records import Step
from proposals.mining.wording import clearest, headline, shorten, title_from
from tests.proposals.mining_cases import action, mined, question, structured


@pytest.mark.parametrize(
    ("text", "masked", "kind"),
    [
        ("Write to ann.lee@fabrikam.example today", "Write to [e-mail] today", "e-mail"),
        ("Open https://portal.fabrikam.example/x?y=1 now", "Open [address] now", "address"),
        ("Ping 10.20.30.40 twice", "Ping [address] twice", "address"),
        ("The card is 00:1A:2B:3C:4D:5E here", "The card is [address] here", "address"),
        (r"Map \\files01\sales again", "Map [path] again", "path"),
        ("Restart FAB-SRV-02 now", "Restart [host] now", "host"),
        ("Log on to mail.fabrikam.example", "Log on to [host]", "host"),
        ("The password is Summer2024! for all", "The password is [secret] for all", "secret"),
        ("Key 123456-123456-123456-123456-123456-123456-123456-123456.", "Key [secret].", "secret"),
        ("Call +44 20 7946 0958 back", "Call [phone] back", "phone"),
        ("Hello, my name is Petra Novak.", "Hello, my name is [person].", "person"),
    ],
)
def test_masks_what_is_private(text: str, masked: str, kind: str) -> None:
    masker = Masker()
    assert masker.mask(text) == masked
    assert masker.kinds == {kind}


@pytest.mark.parametrize(
    "text",
    ["Reset your password in the portal.", "Version 10.2 of Windows 11", "Hi there, is Wi-Fi on?", "Use port 3389."],
)
def test_leaves_plain_texts_alone(text: str) -> None:
    masker = Masker()
    assert (masker.mask(text), masker.kinds) == (text, set())


def test_flow_texts_name_neither_client_nor_technician_and_say_what_was_masked() -> None:
    records = [
        structured(
            f"s-{i}",
            [question("Is the Contoso Bakery till on?", "No"), action("Ask bob@northwind.example or Bob Miller.")],
            client="Contoso Bakery",
            technician="bob.miller@northwind.example",
            problem_summary="The till of Contoso Bakery is off.",
        )
        for i in range(4)
    ]
    flow = mined(records)
    told = str((flow.title, flow.definition, flow.prompt_examples, flow.problem_examples)).lower()
    assert "contoso" not in told
    assert "miller" not in told
    assert flow.masked == ["client", "e-mail", "person"]


def test_names_that_no_session_is_of_are_masked_too() -> None:
    names = Names(frozenset(["Fabrikam Legal", "Fabrikam"]), frozenset(["Bob Miller"]))
    masker = Masker([], names)
    assert masker.mask("As at fabrikam legal: ask Bob Miller.") == "As at [client]: ask [person]."
    assert masker.mask("Fabrikam, not Fabrikama, and bob") == "[client], not Fabrikama, and bob"
    assert masker.kinds == {"client", "person"}


def test_thousands_of_names_cost_little() -> None:
    masker = Masker([], Names(frozenset(f"Client{n} Limited" for n in range(20_000)), frozenset()))
    text = "Is the network cable of Client77 Limited plugged in? " * 20
    began = time.perf_counter()
    for _ in range(200):
        assert "Client77" not in masker.mask(text)
    assert time.perf_counter() - began < 2


def test_a_title_is_made_of_what_the_problems_share() -> None:
    problems = [
        "Hi, my laptop does not connect to the Wi-Fi. I have had it for two years.",
        "Hello! My laptop cannot connect to Wi-Fi since Monday. Please help me.",
        "The laptop does not connect to Wi-Fi. My boss is angry.",
    ]
    assert title_from([], problems) == "Laptop does not connect to Wi-Fi"
    assert title_from(["VPN down (P2)", "VPN down", ""], problems) == "VPN down"
    assert title_from([], []) == "Untitled problem"


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("Hello, I am having trouble with my printer.", "Trouble with printer"),
        ("Hi, I want to reset my password.", "Reset password"),
        ("I\u2019m trying to map the network drive", "Map the network drive"),
        ("Could you please unlock my account?", "Unlock account"),
        ("Is it possible to get a larger monitor?", "Get a larger monitor"),
        ("I'm looking for the VPN settings", "VPN settings"),
        ("I like the new phone", "I like the new phone"),
        ("Can of air is empty", "Can of air is empty"),
    ],
)
def test_headlines_lose_greeting_wish_and_owner(said: str, told: str) -> None:
    assert headline(said) == told


def test_the_clearest_wording_is_the_most_typical_one() -> None:
    texts = ["Is the cable in?", "Is the network cable plugged in?", "Please look if network cable is plugged in well"]
    assert texts[clearest(texts, [1, 1, 1])] == "Is the network cable plugged in?"


def test_shorten_cuts_at_a_word() -> None:
    assert shorten("one two\nthree four", 12) == "one two…"
    assert shorten("x" * 20, 10) == "x" * 9 + "…"


def answered(*answers: str) -> list[Step]:
    return [Step("question", "Is it green?", (), None, answer, 0) for answer in answers]


def test_labels_are_named_by_their_meaning() -> None:
    groups = [answered("It is green.", "Yes, it is."), answered("It is not.", "No, not at all.")]
    assert option_labels(groups, "question", Masker()) == ["Yes", "No"]


def test_labels_of_other_answers_are_answers_and_never_alike() -> None:
    groups = [answered("It is blue."), answered("It is red."), answered("It is red.")]
    labels = option_labels(groups, "question", Masker())
    assert len({label.casefold() for label in labels}) == 3


@pytest.mark.parametrize(
    ("titles", "best"),
    [
        (["Drives gone since yesterday"] * 3 + ["Network drive missing"] * 2, "Network drive missing"),
        (["RDP to [host] fails"] * 3 + ["Remote desktop fails"] * 2, "Remote desktop fails"),
        (["and makes work difficult"] * 3 + ["Mail program is slow"] * 2, "Mail program is slow"),
        (["Slow this morning"] * 20 + ["Odd stray name here"], "Slow this morning"),
    ],
)
def test_titles_name_the_problem_and_not_a_time_or_a_machine(titles: list[str], best: str) -> None:
    assert title_from(titles, []) == best


def test_a_question_asked_back_names_no_answer_and_an_option_on_offer_does() -> None:
    def said(answer: str) -> Step:
        return Step("question", "How long is it on?", ("Today", "Since days"), None, answer, 0)

    picked = Step("question", "How long is it on?", ("Today", "Since days"), "Today", "This morning.", 0)
    groups = [[picked, said("This morning.")], [said("Is off not the same?"), said("For days.")]]
    assert option_labels(groups, "question", Masker()) == ["Today", "Since days"]


def test_labels_that_differ_in_punctuation_are_not_both_used() -> None:
    labels = option_labels([answered("It is blue."), answered("It is blue!")], "question", Masker())
    assert len({label.strip(".!") for label in labels}) == 2
