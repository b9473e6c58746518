"""Classic groups and committed offsets: members that join, sync, beat, leave and commit, in any order and with wrong words."""

from compare import Ref
from family import Family, Topics

GROUPS = [f"@g{number}" for number in range(4)]
TOPICS = ["@a", "@b"]
PROTOCOLS = [[("range", "00")], [("range", "00"), ("roundrobin", "01")], [("roundrobin", "01"), ("range", "00")], [("roundrobin", "02")]]
EVERY_API = ("OffsetCommit", "OffsetFetch", "FindCoordinator", "JoinGroup", "Heartbeat", "LeaveGroup", "SyncGroup", "DescribeGroups",
             "ListGroups", "DeleteGroups", "OffsetDelete")


class Client:
    """One member to be, on a connection of its own."""

    def __init__(self, number: int):
        self.connection = number + 1
        self.group = GROUPS[number % 2]
        self.instance: str | None = None
        self.member: object = ""
        self.generation = -1
        self.is_leader = False
        self.protocol: str | None = None
        self.members: list = []


class GroupsFamily(Family):
    WEIGHTS = {"join": 12, "sync": 10, "heartbeat": 6, "leave": 4, "commit": 6, "fetch_offsets": 5, "describe": 4, "list": 2,
               "delete": 2, "delete_offsets": 2, "find": 1, "hang_up": 1}
    CLIENT = Client
    CLIENTS = 6
    STATIC = (4, 5)

    def prepare(self):
        self.topics = Topics(self.dice)
        self.clients = [self.CLIENT(number) for number in range(self.CLIENTS)]
        for number, instance in zip(self.STATIC, ("i1", "i2")):
            self.clients[number].instance = instance
        return [self.create_topics(*TOPICS, partitions=2)]

    def next(self, pair):
        if self.prepared:
            return super().next(pair)
        idle = [client for client in self.clients if not pair.is_busy(client.connection)]
        self.client = self.dice.choice(idle) if idle else self.CLIENT(self.CLIENTS)
        step = super().next(pair)
        if step.api in ("JoinGroup", "SyncGroup"):
            step.may_wait = True
        return step

    def saw(self, step, answer):
        if step.api == "CreateTopics":
            self.topics.learn(answer)
        client = next((client for client in self.clients if client.connection == step.connection), None)
        if client is None or not isinstance(answer, dict):
            return
        if step.api == "JoinGroup" and step.body["group_id"] == client.group:
            self.joined(client, answer)
        elif step.api == "LeaveGroup" and answer["error_code"] == 0:
            client.is_leader = False

    @staticmethod
    def joined(client, answer):
        if answer["error_code"] == 79:  # MEMBER_ID_REQUIRED
            client.member = answer["member_id"]
        elif answer["error_code"] == 0:
            client.member, client.generation = answer["member_id"], answer["generation_id"]
            client.protocol = answer["protocol_name"]
            client.members = [member["member_id"] for member in answer["members"]]
            client.is_leader = bool(client.members)
        elif answer["error_code"] in (25, 82):  # UNKNOWN_MEMBER_ID, FENCED_INSTANCE_ID
            client.member, client.generation = "", -1

    # ---- words, mostly right ones

    def group(self) -> str:
        return self.client.group if self.dice.maybe(0.92) else self.dice.choice(GROUPS + ["", "@nobody"])

    def member(self):
        if self.dice.maybe(0.9):
            return self.client.member
        others = [client.member for client in self.clients if isinstance(client.member, Ref)]
        return self.dice.choice(["", "stranger", *others])

    def generation(self) -> int:
        right = self.client.generation
        return right if self.dice.maybe(0.9) else self.dice.choice((right + 1, right - 1, -1, 0, 99))

    def instance(self) -> str | None:
        return self.client.instance if self.dice.maybe(0.93) else self.dice.choice(("i1", "i2", "i9", "", None))

    def about(self, api: str, body: dict, versions=None, **options):
        return self.step(api, {"group_id": self.group(), "member_id": self.member(), "group_instance_id": self.instance()} | body,
                         versions, connection=self.client.connection, client_id=f"c{self.client.connection}", **options)

    def ask(self, api: str, body: dict):
        return self.step(api, body, connection=self.client.connection)

    # ---- the members' requests

    def join(self):
        dice = self.dice
        body = {"session_timeout_ms": 300_000, "rebalance_timeout_ms": 300_000, "protocol_type": "consumer",
                "protocols": self.protocols(), "reason": dice.choice((None, "", "because"))}
        if dice.maybe(0.06):
            body |= dice.choice(({"session_timeout_ms": 5}, {"session_timeout_ms": 10**7}, {"session_timeout_ms": -1},
                                 {"protocol_type": ""}, {"protocol_type": "connect"}, {"protocols": []}))
        if self.client.instance:
            return self.about("JoinGroup", body, range(5, 10))
        return self.about("JoinGroup", body)

    def protocols(self) -> list:
        offered = self.dice.choice(PROTOCOLS if self.dice.maybe(0.3) else PROTOCOLS[:2])
        return [{"name": name, "metadata": bytes.fromhex(data)} for name, data in offered]

    def assignment(self):
        """What a leader gives to a member."""
        return self.dice.choice((b"", b"\1\2", b"abc"))

    def sync(self):
        dice, client = self.dice, self.client
        given = [{"member_id": member, "assignment": self.assignment()}
                 for member in client.members if client.is_leader]
        if dice.maybe(0.1):
            given = dice.choice(([], given[:1], [*given, {"member_id": "stranger", "assignment": b"x"}], given + given[:1]))
        body = {"generation_id": self.generation(), "protocol_type": "consumer",
                "protocol_name": client.protocol or "range", "assignments": given}
        if dice.maybe(0.08):
            body |= dice.choice(({"protocol_type": None}, {"protocol_name": None}, {"protocol_name": "no"}, {"protocol_type": "connect"}))
        return self.about("SyncGroup", body)

    def heartbeat(self):
        return self.about("Heartbeat", {"generation_id": self.generation()})

    def leave(self):
        step = self.about("LeaveGroup", {})
        if step and step.version >= 3:
            members = [{"member_id": self.member(), "group_instance_id": self.instance(), "reason": None}
                       for _ in range(self.dice.choice((1, 1, 1, 2, 0)))]
            if self.client.instance and self.dice.maybe(0.5):
                members = [{"member_id": "", "group_instance_id": self.client.instance, "reason": "admin"}]
            step.body["members"] = members
        return step

    def hang_up(self):
        """A new connection for the client; its membership stays."""
        self.client.connection += self.CLIENTS
        return None

    # ---- offsets

    def offset_topics(self, field: str, partitions) -> list:
        dice = self.dice
        names = dict.fromkeys(dice.choice((*TOPICS, *TOPICS, "@gone")) for _ in range(dice.choice((1, 1, 2, 0))))
        return [{"name": name, "topic_id": self.topics.ids.get(name, b"\5" * 16), field: partitions()} for name in names]

    def commit(self):
        dice = self.dice

        def partitions():
            return [{"partition_index": index, "committed_offset": dice.choice((0, 5, 7, 100, -1, -2)),
                     "committed_leader_epoch": dice.choice((-1, 0, 3)),
                     "committed_metadata": dice.choice((None, "", "m", "m", "x" * 4096, "x" * 4097))}
                    for index in dict.fromkeys(dice.some((0, 1, 1, 2, -1), most=2))]
        body = {"generation_id_or_member_epoch": self.generation(), "retention_time_ms": dice.choice((-1, -1, 1_000_000)),
                "topics": self.offset_topics("partitions", partitions)}
        if dice.maybe(0.4):
            body |= {"group_id": dice.choice(("@simple", "@simple2", *GROUPS)), "generation_id_or_member_epoch": -1,
                     "member_id": "", "group_instance_id": None}
            for topic in body["topics"]:  # see README: a group that only refused metadata makes
                for partition in topic["partitions"]:
                    partition["committed_metadata"] = dice.choice((None, "m"))
        return self.about("OffsetCommit", body)

    def fetch_offsets(self):
        dice = self.dice

        def partitions():
            return list(dict.fromkeys(dice.some((0, 1, 1, 2, -1))))

        def group():
            return {"group_id": dice.choice((*GROUPS, *GROUPS[:2], "@simple", "", "@nobody")),
                    "member_id": dice.choice((None, None, "", "x")),
                    "member_epoch": dice.choice((-1, -1, 0, 3)),
                    "topics": self.offset_topics("partition_indexes", partitions) if dice.maybe(0.6) else None}
        step = self.ask("OffsetFetch", {"require_stable": dice.maybe(0.3)})
        if step and step.version >= 8:
            step.body["groups"] = [group() for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        elif step:
            step.body |= group()
            if step.version < 2 and step.body["topics"] is None:
                step.body["topics"] = []
        return step

    def delete_offsets(self):
        def partitions():
            return [{"partition_index": index} for index in self.dice.some((0, 1, 2))]
        return self.ask("OffsetDelete", {"group_id": self.dice.choice((*GROUPS, "@simple", "", "@nobody")),
                                         "topics": self.offset_topics("partitions", partitions)})

    # ---- the admin's requests

    def describe(self):
        groups = [self.dice.choice((*GROUPS, *GROUPS, "@simple", "", "@nobody")) for _ in range(self.dice.choice((0, 1, 1, 1, 2)))]
        return self.ask("DescribeGroups", {"groups": groups, "include_authorized_operations": self.dice.maybe(0.4)})

    def list(self):
        dice = self.dice
        states = ([], [], ["Stable"], ["empty", " STABLE "], ["PreparingRebalance"], ["no"])
        types = ([], [], ["classic"], ["Consumer"], ["CLASSIC", "share"], ["no"])
        return self.ask("ListGroups", {"states_filter": dice.choice(states), "types_filter": dice.choice(types)})

    def delete(self):
        names = [self.dice.choice((*GROUPS, "@simple", "@simple2", "", "@nobody")) for _ in range(self.dice.choice((1, 1, 1, 2, 0)))]
        return self.ask("DeleteGroups", {"groups_names": names})

    def find(self):
        dice = self.dice
        kind = dice.choice((0, 0, 0, 2, 3, -1))
        keys = [dice.choice(GROUPS + ["", "a:b", "@g:AAAAAAAAAAAAAAAAAAAAAA:0"]) for _ in range(dice.choice((1, 1, 2, 0)))]
        return self.ask("FindCoordinator", {"key": dice.choice(GROUPS), "key_type": kind, "coordinator_keys": keys})


FAMILY = GroupsFamily
