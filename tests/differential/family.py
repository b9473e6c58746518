"""What a family of requests is: a model of names and values in use, and weighted actions that make steps of them."""

from compare import Ref
from dice import Dice
from pair import ON_CONTROLLER, Pair, Step


class Family:
    """A subclass has `WEIGHTS`: the name of a method and how often it is drawn. A method gives a step, or None: draw again.

    `saw` learns from the peer's answers, in which the brokers' own choices are references."""

    WEIGHTS: dict[str, int] = {}
    NEEDS: tuple[str, ...] = ()  # APIs without which the family cannot run
    SETTINGS: dict[str, str] = {}

    def __init__(self, dice: Dice, apis: dict, versions: dict[str, range], controller_versions: dict[str, range]):
        self.dice, self.apis, self.versions, self.controller_versions = dice, apis, versions, controller_versions
        self.prepared = self.prepare()

    def prepare(self) -> list[Step]:
        """Steps that come first."""
        return []

    def next(self, pair: Pair) -> Step:
        while self.prepared:
            return self.prepared.pop(0)
        while True:
            step = getattr(self, self.dice.weighted(self.WEIGHTS))()
            if step is not None and not pair.is_busy(step.connection):
                return step

    def saw(self, step: Step, answer) -> None:
        """The peer's answer: a message, or one of pair.py's strings."""

    # ---- for actions

    def step(self, api: str, body: dict, versions: range | None = None, connection: int = 0, **options) -> Step | None:
        """A request of any version that both brokers have there (and `versions` allow); None if there is none."""
        offers = self.controller_versions if connection >= ON_CONTROLLER else self.versions
        offered = offers.get(api, range(0))
        allowed = range(max(offered.start, versions.start), min(offered.stop, versions.stop)) if versions else offered
        return Step(api, self.dice.version(allowed), body, connection, **options) if allowed else None

    def either_end(self, api: str, body: dict) -> Step | None:
        """To the broker's listener, now and then to the controller's where that has it."""
        to_controller = self.dice.maybe(0.25) and api in self.controller_versions
        return self.step(api, body, connection=ON_CONTROLLER if to_controller else 0)

    def create_topics(self, *names: str, partitions: int = 1, configs: dict | None = None) -> Step:
        settings = [{"name": key, "value": value} for key, value in (configs or {}).items()]
        topics = [{"name": name, "num_partitions": partitions, "replication_factor": 1, "configs": settings}
                  for name in names]
        return Step("CreateTopics", self.versions["CreateTopics"][-1], {"topics": topics, "timeout_ms": 30_000})


class Topics:
    """Topics that a family has made: names, and the ids that answers told."""

    def __init__(self, dice: Dice):
        self.dice = dice
        self.ids: dict[str, Ref] = {}

    def learn(self, answer) -> None:
        """From a CreateTopics or Metadata answer."""
        for topic in answer["topics"] if isinstance(answer, dict) else ():
            if isinstance(topic.get("topic_id"), Ref) and topic.get("name"):
                self.ids[topic["name"]] = topic["topic_id"]

    def id(self, name: str):
        """For a name nobody made: an id nobody has."""
        return self.ids.get(name) or (bytes(16) if self.dice.maybe(0.3) else b"\5" * 16)
