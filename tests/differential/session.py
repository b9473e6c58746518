"""One run of steps against both brokers in a namespace of its own, so that runs do not see each other's topics and groups.

Names in steps are written with "@", which stands for the namespace: no topic of Kafka may have one in its name."""

import re
from dataclasses import dataclass, field, replace

import awaited
import barrier
import batches
import known
import memberships
from compare import GREGOR, PEER, Comparison, Difference, Pairs, Ref
from lib import wire
from pair import Brokers, Pair, Step

BUILDERS = {"$batches": batches.build_all, "$subscription": memberships.subscription, "$assignment": memberships.assignment}
FOREIGN = re.compile(r"run\d+-|barrier$")


@dataclass
class Outcome:
    """What became of one answer: `seen` is the peer's, with references and "@"; None while a request waits."""

    step: Step
    body: dict
    seen: object = None
    answers: list = field(default_factory=lambda: [None, None])
    differences: list[Difference] = field(default_factory=list)


class Session:
    count = 0

    def __init__(self, brokers: Brokers, apis: dict):
        Session.count += 1
        self.namespace = f"run{Session.count}-"
        self.apis = apis
        self.pair = Pair(brokers, apis)
        self.pairs = Pairs()
        self.used: set[known.Known] = set()
        self.names: dict[int, str] = {}  # of the steps that wait
        self.barrier = barrier.Barrier(self.pair.ports(), apis, self.pair.ask)
        self.is_peer_behind = False
        self.is_over = False  # a known difference has made the brokers' states differ

    def close(self) -> None:
        self.pair.close()
        self.barrier.close()

    # ---- requests: references, names and batches become bytes, for each side its own

    def render(self, side: int, value):
        if isinstance(value, dict):
            body = {key: self.render(side, inner) for key, inner in value.items()}
            built = [build(body[word]) for word, build in BUILDERS.items() if word in body]
            return built[0] if built else body
        if isinstance(value, list):
            return [self.render(side, inner) for inner in value]
        if isinstance(value, Ref):
            return self.pairs.value(value, side)
        return value.replace("@", self.namespace) if isinstance(value, str) else value

    def unrender(self, value):
        if isinstance(value, dict):
            return {key: self.unrender(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.unrender(inner) for inner in value]
        return value.replace(self.namespace, "@") if isinstance(value, str) else value

    def is_foreign(self, element) -> bool:
        """A topic, a group, a user of another run; quotas carry their names one level down."""
        texts = list(element.values()) if isinstance(element, dict) else [element]
        texts += [part["entity_name"] for part in element["entity"]] if isinstance(element, dict) and "entity" in element else []
        return any(isinstance(text, str) and FOREIGN.match(text) and not text.startswith(self.namespace)
                   for text in texts)

    # ---- steps

    def perform(self, step: Step, name: str) -> list[Outcome]:
        """The outcome of the step, then of earlier ones whose wait has ended."""
        self.await_peer(step)
        answers = self.ask_until(step) if step.until else self.ask(step)
        if answers == [None, None]:
            self.names[id(step)] = name
        answered = [(step, name, answers)]
        answered += [(late.step, self.names.pop(id(late.step)), late.answers) for late in self.pair.settle()]
        outcomes = [self.judge(*each) for each in sorted(answered, key=lambda each: self.tells_of_others(each[2]))]
        return outcomes if step.has_answer else outcomes + self.probe(step, name)

    def ask(self, step: Step) -> list:
        return self.pair.exchange(step, [self.pair.payload(step, self.render(side, step.body)) for side in (PEER, GREGOR)])

    def ask_until(self, step: Step) -> list:
        """Beside the conversation: each broker on its own, until it is ready to be compared."""
        answers = []
        for side, port in enumerate(self.pair.ports()):
            with wire.connect(port) as connection:
                body = self.render(side, step.body)
                answers.append(awaited.whole_log_until(
                    step.until, body, lambda asked: self.pair.ask(connection, step.api, step.version, asked)))
        return answers

    @staticmethod
    def tells_of_others(answers: list) -> bool:
        """The leader of a group is told the members' ids: the members' own answers say first whose they are."""
        return isinstance(answers[PEER], dict) and bool(answers[PEER].get("members"))

    def await_peer(self, step: Step) -> None:
        if self.is_peer_behind and step.api not in barrier.MUTATING:
            self.barrier.wait()
        if step.api in barrier.LOOKING_AT_TOPICS:
            self.barrier.wait_for_coordinators()
        self.is_peer_behind = step.api in barrier.MUTATING
        if step.api in barrier.CHANGING_TOPICS:
            changed = {topic["name"] for topic in self.render(PEER, step.body).get("topics") or ()}
            self.barrier.new_topics |= changed
            self.barrier.unhosted |= changed

    def probe(self, step: Step, name: str) -> list[Outcome]:
        """Is the connection still open after a request that gets no answer?"""
        return self.perform(replace(step, api="ApiVersions", version=0, body={}, has_answer=True, mangle=[]), f"{name}+")

    def judge(self, step: Step, name: str, answers: list) -> Outcome:
        outcome = Outcome(step, self.unrender(step.body), answers=answers)
        if isinstance(answers[PEER], dict) and isinstance(answers[GREGOR], dict):
            comparison = Comparison(self.apis[step.api].response, self.pairs, name, self.is_foreign, self.pair.own_texts())
            comparison.run(*answers)
            outcome.differences = comparison.differences
            outcome.seen = self.unrender(comparison.seen)
        else:
            outcome.seen = answers[PEER]
            if answers[PEER] != answers[GREGOR]:
                outcome.differences = [Difference("answer", *answers)]
                self.pair.disconnect(step.connection)
        if new_topics := barrier.wanted_topics(step, answers[PEER]):
            self.barrier.wait_for_topics(new_topics)
            self.is_peer_behind = True
        if barrier.steps_in_consumer_group(step, answers[PEER]):
            self.barrier.wait_for_group(self.render(PEER, step.body["group_id"]))
        if barrier.ending_transaction(step, answers[PEER]):
            self.barrier.wait_for_transaction(self.render(PEER, step.body["transactional_id"]))
        outcome.differences = [difference for difference in outcome.differences if not self.is_known(step, difference)]
        if self.is_over:
            outcome.differences = []
        return outcome

    def is_known(self, step: Step, difference: Difference) -> bool:
        for entry in known.KNOWN:
            if entry.explains(step, difference):
                self.used.add(entry)
                self.is_over |= entry.ends_run
                return True
        return False
