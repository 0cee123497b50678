"""Which answer leads where: the sessions' walks over the nodes -> a graph without cycles."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from proposals.mining.detours import without_detours
from proposals.mining.polarity import answer_key
from proposals.mining.slips import corrected
from proposals.mining.transcript import is_pleasantry
from proposals.mining.visits import Visit

FEW_VISITS = 8  # that go on from a node: up to so many, an answer that was seen once is kept
RIVAL_VISITS = 4  # visits by the same answer that make a second way on...
RIVAL_SHARE = 0.5  # ...if there are so many for each one of the first way
START_SHARE = 0.04  # of the sessions that must begin at a further start
MIN_SHARE = 0.015  # of a node's answers that a branch needs
SKIP_SHARE = 0.4  # a -> c beside a -> b -> c is a skipped step if it is this rare beside a -> b
CHOSEN_SHARE = 0.1  # of a farewell that is a choice makes it a step
ENDING_SHARE = 0.8  # of a statement's visits that end their session (but for a goodbye)...
PLAIN_SHARE = 0.5  # ...of which so many say none
MAX_DEPTH = 45
MAX_NODES = 400


@dataclass
class Branches:
    """Nodes by number; `edges[a][b]` the visits to a whose answer led to b."""

    root: int
    visits: dict[int, list[Visit]]
    edges: dict[int, dict[int, list[Visit]]]
    ends: dict[int, list[Visit]]  # visits that end their session
    starts: list[int] = field(default_factory=list)  # nodes that begin sessions, out of root's reach


def branches_of(walks: Sequence[Sequence[Visit]]) -> Branches | None:
    """The branches that the walks (one a session) support; None where nothing was asked."""
    walks = without_detours([_straight(walk) for walk in walks if walk])
    idle = idle_farewells(walks)
    walks = [[visit for place, visit in enumerate(walk) if not place or visit.node not in idle] for walk in walks]
    walks = _without_goodbyes(walks)
    if not walks:
        return None
    edges = _acyclic(_without_skips(_supported(_told_apart(_count(walks)))))
    starts = Counter(walk[0].node for walk in walks)
    return _rooted(walks, edges, starts)


def _straight(walk: Sequence[Visit]) -> list[Visit]:
    """The walk without its detours: going back to a node drops what came since."""
    straight: list[Visit] = []
    for visit in walk:
        back = next((i for i, seen in enumerate(straight) if seen.node == visit.node), None)
        if back is not None:
            del straight[back:]
        straight.append(visit)
    return straight


def idle_farewells(walks: Sequence[Sequence[Visit]]) -> set[int]:
    """Nodes that are farewells and merely follow the last step.

    A farewell that is one of several ways on, or answers a question, is a step like others.
    """
    total: Counter[int] = Counter()
    closing: Counter[int] = Counter()
    follows: dict[int, Counter[int]] = defaultdict(Counter)
    asks: dict[int, list[bool]] = defaultdict(list)
    for walk in walks:
        for place, visit in enumerate(walk):
            total[visit.node] += 1
            closing[visit.node] += place == len(walk) - 1 and is_pleasantry(visit.step.prompt)
            asks[visit.node].append("?" in visit.step.prompt)
            if place:
                follows[walk[place - 1].node][visit.node] += 1
    farewells = {node for node, times in closing.items() if times >= 0.6 * total[node]}
    chosen: Counter[int] = Counter()
    for node, after in follows.items():
        others = sum(times for next_node, times in after.items() if next_node not in farewells)
        is_choice = others >= 2 and others >= 0.15 * sum(after.values())
        if is_choice or sum(asks[node]) > 0.5 * len(asks[node]):
            for next_node in farewells & set(after):
                chosen[next_node] += after[next_node]
    return {node for node in farewells if chosen[node] < CHOSEN_SHARE * total[node]}


def _without_goodbyes(walks: Sequence[Sequence[Visit]]) -> list[Sequence[Visit]]:
    """The walks without a last courtesy after a statement with which sessions end, most of them
    without a courtesy: the statement is the ending, whatever was said to it."""
    passed = Counter(visit.node for walk in walks for visit in walk)
    plain = Counter(walk[-1].node for walk in walks)
    polite = Counter(walk[-2].node for walk in walks if _says_goodbye(walk))
    endings = {
        node
        for node, times in passed.items()
        if plain[node] + polite[node] >= ENDING_SHARE * times and plain[node] >= PLAIN_SHARE * times
    }
    return [walk[:-1] if _says_goodbye(walk) and walk[-2].node in endings else walk for walk in walks]


def _says_goodbye(walk: Sequence[Visit]) -> bool:
    if len(walk) < 2:
        return False
    told, last = walk[-2].step, walk[-1].step
    return told.kind != "question" and not told.selected_option and is_pleasantry(last.prompt)


def _count(walks: Iterable[Sequence[Visit]]) -> dict[int, dict[int, list[Visit]]]:
    edges: dict[int, dict[int, list[Visit]]] = defaultdict(lambda: defaultdict(list))
    for walk in walks:
        for here, there in pairwise(walk):
            edges[here.node][there.node].append(here)
    return edges


def _told_apart(
    edges: Mapping[int, Mapping[int, list[Visit]]],
) -> dict[int, dict[int, list[Visit]]]:
    """Each way on with the visits whose answer tells it from the node's other ways.

    The same answer (the same option, or the same words) belongs to the way it mostly led to, unless it was nearly as
    often the other; so does one with a slip of the keyboard. No answer at all tells nothing where most visits have one.
    """
    apart = {}
    for node, branches in edges.items():
        said = Counter(answer_key(visit.step) for visits in branches.values() for visit in visits)
        meant = corrected(said)
        answers = {child: [answer_key(visit.step) for visit in visits] for child, visits in branches.items()}
        answers = {child: [meant.get(answer, answer) for answer in given] for child, given in answers.items()}
        led = Counter((answer, child) for child, given in answers.items() for answer in given)
        most = Counter[str]()
        for (answer, _), times in led.items():
            most[answer] = max(most[answer], times)
        total = sum(led.values())
        silent = sum(times for (answer, _), times in led.items() if not answer)
        apart[node] = {
            child: [
                visit
                for visit, answer in zip(visits, answers[child], strict=True)
                if _tells(led, most, answer, child, 2 * silent < total)
            ]
            for child, visits in branches.items()
        }
    return apart


def _tells(led: Counter[tuple[str, int]], most: Counter[str], answer: str, child: int, spoken: bool) -> bool:
    times = led[answer, child]
    if not answer:
        return not spoken
    return times == most[answer] or (times >= RIVAL_VISITS and times >= RIVAL_SHARE * most[answer])


def _supported(edges: Mapping[int, Mapping[int, list[Visit]]]) -> dict[int, dict[int, list[Visit]]]:
    """Without the branches that too few of their node's visits took.

    What is few depends on the node, not on the flow: far from the root of a large flow each way was gone a few times.
    """
    kept = {}
    for node, branches in edges.items():
        total = sum(map(len, branches.values()))
        needed = max(1 if total <= FEW_VISITS else 2, MIN_SHARE * total)
        kept[node] = {n: visits for n, visits in branches.items() if len(visits) >= needed}
    return kept


def _without_skips(
    edges: dict[int, dict[int, list[Visit]]],
) -> dict[int, dict[int, list[Visit]]]:
    """Without a -> c where a -> b -> c is usual and a -> c rare: the session skipped b."""
    kept: dict[int, dict[int, list[Visit]]] = {}
    for node, branches in edges.items():
        skipped = {
            far
            for near, visits in branches.items()
            for far in edges.get(near, {})
            if far in branches and len(branches[far]) < SKIP_SHARE * len(visits)
        }
        kept[node] = {n: visits for n, visits in branches.items() if n not in skipped}
    return kept


def _acyclic(edges: Mapping[int, Mapping[int, list[Visit]]]) -> dict[int, dict[int, list[Visit]]]:
    """The edges, best supported first, without those that would close a cycle."""
    ranked = sorted(
        ((len(visits), a, b) for a, branches in edges.items() for b, visits in branches.items()),
        key=lambda edge: (-edge[0], edge[1], edge[2]),
    )
    kept: dict[int, dict[int, list[Visit]]] = {}
    for _, a, b in ranked:
        if a != b and a not in reachable(kept, b):
            kept.setdefault(a, {})[b] = edges[a][b]
    return kept


def reachable(edges: Mapping[int, Iterable[int]], start: int) -> set[int]:
    """All nodes on ways from `start`, itself included."""
    found = {start}
    todo = [start]
    while todo:
        for node in edges.get(todo.pop(), ()):
            if node not in found:
                found.add(node)
                todo.append(node)
    return found


def _rooted(
    walks: Sequence[Sequence[Visit]],
    edges: dict[int, dict[int, list[Visit]]],
    starts: Counter[int],
) -> Branches:
    """Start where most sessions can be followed from, and keep what is reached."""
    ways = {node: reachable(edges, node) for node in starts}
    root = _root(edges, starts, ways)
    found = set(reachable(edges, root))
    others = []
    needed = START_SHARE * len(walks)
    for node, times in sorted(starts.items(), key=lambda item: (-item[1], item[0])):
        leads_in = ways[node] - {node} <= found and len(ways[node]) > 1
        if node not in found and times >= needed and not leads_in:
            others.append(node)
            found |= ways[node]
    visits: dict[int, list[Visit]] = {node: [] for node in found}
    ends: dict[int, list[Visit]] = {node: [] for node in found}
    for walk in walks:
        for visit in walk:
            if visit.node in found:
                visits[visit.node].append(visit)
        if walk[-1].node in found:
            ends[walk[-1].node].append(walk[-1])
    inner = {a: b for a, b in edges.items() if a in found}
    return Branches(root, visits, _shallow(root, others, inner), ends, others)


def _root(
    edges: Mapping[int, Mapping[int, list[Visit]]],
    starts: Counter[int],
    ways: Mapping[int, set[int]],
) -> int:
    """The node that most sessions' starts can be reached from; a preamble to where most sessions
    start is passed over, and so are starts of few sessions."""
    usual_starts = [node for node, times in starts.items() if times >= START_SHARE * sum(starts.values())]
    root = max(
        usual_starts or starts,
        key=lambda node: (sum(starts[n] for n in ways[node]), starts[node], -node),
    )
    while children := edges.get(root):
        usual = max(children, key=lambda child: (len(children[child]), -child))
        if starts[usual] < 2 * starts[root]:
            break
        root = usual
    return root


def _shallow(
    root: int, others: Sequence[int], edges: dict[int, dict[int, list[Visit]]]
) -> dict[int, dict[int, list[Visit]]]:
    """The edges, none of which lies deeper than MAX_DEPTH on its longest way from a start."""
    depth = dict.fromkeys((root, *others), 0)
    order = topological(edges)
    kept: dict[int, dict[int, list[Visit]]] = {}
    for node in order:
        if node not in depth:
            continue
        for child, visits in edges.get(node, {}).items():
            if depth[node] < MAX_DEPTH and (child in depth or len(depth) < MAX_NODES):
                kept.setdefault(node, {})[child] = visits
                depth[child] = max(depth.get(child, 0), depth[node] + 1)
    return kept


def topological(edges: Mapping[int, Iterable[int]]) -> list[int]:
    """Nodes of an acyclic graph, each before those it leads to."""
    incoming: Counter[int] = Counter(child for children in edges.values() for child in children)
    nodes = sorted(set(edges) | set(incoming))
    ready = [node for node in nodes if not incoming[node]]
    order = []
    while ready:
        node = ready.pop()
        order.append(node)
        for child in sorted(edges.get(node, ())):
            incoming[child] -= 1
            if not incoming[child]:
                ready.append(child)
    return order
