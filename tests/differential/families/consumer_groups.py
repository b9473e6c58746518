"""Groups of KIP-848, their members mixed with classic ones: heartbeats with right and wrong epochs, static members, regular
expressions, commits by epoch, and every call of the classic protocol on the same groups.

Kafka's assignors go through members in the order of a hash table or of their ids. Members name themselves with one letter
each, for which both orders are the alphabet's; who lets the broker choose is alone in a group. The uniform assignor goes through
topics in an order of their random ids as well: only a group of one topic has it."""

from families.groups import TOPICS, Client, GroupsFamily

CONSUMER, CLASSIC = "consumer", "classic"
MIXED, UNIFORM, ALONE = ["@g0", "@g1"], "@g2", "@g3"
GROUPS_OF = [*MIXED, *MIXED, UNIFORM, *MIXED, UNIFORM, ALONE]
LETTERS = "ABCDEFGHI"
REGEXES = ("@[ab]", "@a", "@n.*", "@.*", "nothing", "", "(", "[", "(?i)@A")
FENCED, UNKNOWN_MEMBER, MEMBER_ID_REQUIRED, NOT_FOUND = 110, 25, 79, 69
LONG_MS = "600000"  # no member expires in a run


class Consumer(Client):
    """A client that now speaks the one protocol and now the other. `generation` is its epoch, too."""

    def __init__(self, number: int):
        super().__init__(number)
        self.letter = LETTERS[number % len(LETTERS)]
        self.group = GROUPS_OF[number % len(LETTERS)]
        self.speaks = CONSUMER
        self.forget()

    def forget(self) -> None:
        self.member = self.letter if self.speaks == CONSUMER else ""
        self.generation = 0 if self.speaks == CONSUMER else -1
        self.owned: list = []


class ConsumerGroupsFamily(GroupsFamily):
    SETTINGS = {"group.consumer.session.timeout.ms": LONG_MS, "group.consumer.max.session.timeout.ms": LONG_MS,
                "group.consumer.assignment.interval.ms": "0", "group.consumer.assignors": "range,uniform"}
    WEIGHTS = {"beat": 26, "describe_members": 6, "turn": 2, "join": 8, "sync": 5, "heartbeat": 5, "leave": 2, "commit": 7,
               "fetch_offsets": 4, "describe": 2, "list": 2, "delete": 2, "delete_offsets": 1, "grow": 1, "hang_up": 1}
    CLIENT = Consumer
    CLIENTS = len(LETTERS)
    STATIC = (2, 5)
    NEEDS = ("ConsumerGroupHeartbeat", "ConsumerGroupDescribe")

    def prepare(self):
        steps = super().prepare()
        self.kinds: dict[str, str] = {}  # of groups, as the answers tell
        self.living: dict[str, set] = {}  # members of consumer groups
        self.grown = 2
        self.made = 0
        return steps

    # ---- what answers teach

    def saw(self, step, answer):
        if not isinstance(answer, dict):
            return
        self.count_living(step, answer)
        client = next((client for client in self.clients if client.connection == step.connection), None)
        if step.api == "ConsumerGroupHeartbeat" and client and step.body["group_id"] == client.group:
            self.beaten(client, step, answer)
        elif step.api == "DeleteGroups":
            for result in answer["results"]:
                if result["error_code"] == 0:
                    self.kinds.pop(result["group_id"], None)
        else:
            super().saw(step, answer)

    def count_living(self, step, answer):
        living = self.living.setdefault(step.body.get("group_id"), set())
        if step.api == "ConsumerGroupHeartbeat" and answer["error_code"] == 0:
            living.discard(answer["member_id"])
            if answer["member_epoch"] != -1:
                living.add(answer["member_id"])
        elif step.api == "JoinGroup" and answer["error_code"] == 0:
            living.add(answer["member_id"])
        elif step.api == "LeaveGroup" and answer["error_code"] == 0:
            for member in step.body.get("members") or [step.body]:
                living.discard(member["member_id"])

    def beaten(self, client, step, answer):
        error = answer["error_code"]
        if error == 0 and step.body["member_id"] in (client.member, ""):
            self.kinds[client.group] = CONSUMER
            client.member, client.generation = answer["member_id"], answer["member_epoch"]
            if answer["assignment"] is not None:
                client.owned = answer["assignment"]["topic_partitions"]
            if client.generation < 0:
                client.forget()
        elif error in (FENCED, UNKNOWN_MEMBER, NOT_FOUND) and step.body["member_id"] == client.member:
            client.forget()

    def joined(self, client, answer):
        if answer["error_code"] == MEMBER_ID_REQUIRED and self.kinds.get(client.group) == CONSUMER:
            client.member = client.letter  # any name is good there
            return
        super().joined(client, answer)
        if answer["error_code"] == 0:
            self.kinds[client.group] = CLASSIC if answer["leader"] else CONSUMER

    # ---- who speaks

    def next(self, pair):
        step = super().next(pair)
        if step.api == "JoinGroup":
            self.client.speaks = CLASSIC
        return step

    def group(self) -> str:
        return self.client.group if self.dice.maybe(0.96) else self.dice.choice((*MIXED, "", "@nobody"))

    def member(self):
        return self.client.member if self.dice.maybe(0.92) else self.dice.choice((*LETTERS[:-1], "stranger"))

    def turn(self):
        """The client leaves and goes on with the other protocol."""
        client, leaves_by = self.client, self.client.speaks
        body = {"generation_id": client.generation, "members": [{"member_id": client.member, "group_instance_id": client.instance}]}
        step = (self.beat_with({"member_epoch": -1}) if leaves_by == CONSUMER else
                self.about("LeaveGroup", body, range(3, 10) if client.instance else None))
        client.speaks = CLASSIC if leaves_by == CONSUMER else CONSUMER
        client.forget()
        return step

    # ---- KIP-848

    def beat(self):
        client = self.client
        if client.speaks == CLASSIC:
            if self.dice.maybe(0.8):
                return None
            if self.dice.maybe(0.5):
                return self.beat_with(self.joining())  # the member changes its protocol
            client.speaks = CONSUMER
            client.forget()
        if client.generation == 0 and self.dice.maybe(0.9):
            return self.beat_with(self.joining())
        return self.beat_with(self.going_on())

    def joining(self) -> dict:
        return {"member_epoch": 0, "rebalance_timeout_ms": 300_000, "topic_partitions": []} | self.subscription() | self.odd()

    def going_on(self) -> dict:
        dice, client = self.dice, self.client
        body = {"member_epoch": client.generation, "topic_partitions": dice.choice((client.owned, client.owned, None))}
        if dice.maybe(0.15):
            body |= self.subscription()
        if dice.maybe(0.08):  # a full request
            body |= {"rebalance_timeout_ms": 300_000, "topic_partitions": client.owned} | self.subscription()
        if dice.maybe(0.1):
            body["member_epoch"] = dice.choice((client.generation + 1, client.generation - 1, 0, -1, -2, -3, 99))
        if dice.maybe(0.1):
            body["topic_partitions"] = dice.choice(([], client.owned[:1], client.owned + self.foreign_partitions()))
        return body | self.odd()

    def foreign_partitions(self) -> list:
        return [{"topic_id": self.dice.choice((*self.topics.ids.values(), b"\5" * 16)), "partitions": [0]}]

    def subscription(self) -> dict:
        dice = self.dice
        names = self.names()
        if self.client.group == MIXED[1] and dice.maybe(0.4):
            return {"subscribed_topic_names": dice.choice((None, [], names)), "subscribed_topic_regex": dice.choice(REGEXES)}
        return {"subscribed_topic_names": names}

    def names(self) -> list:
        if self.client.group == UNIFORM:
            return ["@a"]
        return self.dice.choice((TOPICS, TOPICS, ["@a"], ["@b"], ["@a", "@gone"], []))

    def odd(self) -> dict:
        """A rare word, or a wrong one."""
        dice = self.dice
        found = {}
        if dice.maybe(0.15):
            is_safe = self.client.group in (UNIFORM, ALONE)
            found["server_assignor"] = dice.choice(("range", "uniform" if is_safe else "range", "uniform" if is_safe else "sticky", ""))
        if dice.maybe(0.05):
            found["rack_id"] = dice.choice(("r1", "r2", ""))
        if dice.maybe(0.06):
            found |= dice.choice(({"rebalance_timeout_ms": -1}, {"rebalance_timeout_ms": 0}, {"rebalance_timeout_ms": -5},
                                  {"subscribed_topic_names": None}, {"topic_partitions": None}, {"member_epoch": -3},
                                  {"subscribed_topic_names": ["@a", "@a"]}, {"subscribed_topic_names": [""]}))
        return found

    def beat_with(self, body: dict):
        dice, client = self.dice, self.client
        member = self.member()
        if client.group == ALONE and body["member_epoch"] == 0 and dice.maybe(0.5):
            return self.beat_step(body | {"member_id": ""}, range(0, 1))  # the broker gives it a name
        if dice.maybe(0.02):
            return self.beat_step(body | {"member_id": ""}, range(1, 2))
        return self.beat_step(body | {"member_id": member}, range(1, 2) if dice.maybe(0.7) else None)

    def beat_step(self, body: dict, versions):
        return self.step("ConsumerGroupHeartbeat", {"group_id": self.group(), "instance_id": self.instance()} | body, versions,
                         connection=self.client.connection, client_id=f"c{self.client.connection}")

    def describe_members(self):
        groups = [self.dice.choice((*MIXED, *MIXED, UNIFORM, ALONE, "", "@nobody")) for _ in range(self.dice.choice((0, 1, 1, 1, 2)))]
        return self.ask("ConsumerGroupDescribe", {"group_ids": list(dict.fromkeys(groups)),
                                                  "include_authorized_operations": self.dice.maybe(0.3)})

    def grow(self):
        """More partitions, or a topic that a regular expression was waiting for."""
        if self.grown < 6 and self.dice.maybe(0.6):
            self.grown += 1
            topics = [{"name": "@a", "count": self.grown}]
            return self.step("CreatePartitions", {"topics": topics, "timeout_ms": 30_000})
        self.made += 1
        return self.create_topics(f"@n{self.made}")

    # ---- classic members, whose words the broker can read

    def join(self):
        client = self.client
        if client.member == "" and self.kinds.get(client.group) == CONSUMER:
            client.member = client.letter  # such a group takes any name, and would make a random one
        step = self.classic(super().join)
        if step and self.kinds.get(step.body["group_id"]) == CONSUMER and not self.living.get(step.body["group_id"]):
            step.body["member_id"] = ""  # see README: a name in an empty group
        return step

    def sync(self):
        return self.classic(super().sync)

    def heartbeat(self):
        return self.classic(super().heartbeat)

    def leave(self):
        return self.classic(super().leave)

    def classic(self, action):
        """Members of the new protocol say such things rarely."""
        if self.client.speaks == CONSUMER and self.dice.maybe(0.85):
            return None
        return action()

    def protocols(self) -> list:
        dice, client = self.dice, self.client
        spec = {"topics": self.names(), "version": dice.choice((0, 1, 1, 2, 3)),
                "owned": dice.choice(([], [["@a", [0]]], [["@a", [0, 1]], ["@b", [0]]]))}
        if dice.maybe(0.06):
            spec["data"] = b"mine"
        metadata = {"$subscription": spec} if dice.maybe(0.96) else dice.choice((b"", b"\0", b"\xff" * 8))
        names = dice.choice((["range"], ["range", "roundrobin"], ["roundrobin", "range"], ["cooperative-sticky", "range"]))
        return [{"name": name, "metadata": metadata} for name in names]

    def assignment(self):
        dice = self.dice
        if dice.maybe(0.05):
            return dice.choice((b"", b"\1\2", {"$assignment": {"partitions": [], "data": b"mine"}}))
        return {"$assignment": {"partitions": dice.choice(([], [["@a", [0]]], [["@a", [1]], ["@b", [0]]], [["@gone", [0]]]))}}


FAMILY = ConsumerGroupsFamily
