"""Who may do what, and how much of it: client quotas, SCRAM users; ACLs and tokens as they are without an authorizer."""

from family import Family

USERS = [f"@u{number}" for number in range(5)]
CLIENTS = ["@c0", "@c1"]
ADDRESSES = ["10.0.0.1", "10.0.0.2"]
QUOTAS = [("producer_byte_rate", 1e9), ("consumer_byte_rate", 2e9), ("request_percentage", 5000.0), ("request_percentage", 5000.5),
          ("controller_mutation_rate", 1e6), ("connection_creation_rate", 1e6)]
BAD_QUOTAS = [("producer_byte_rate", 0.0), ("producer_byte_rate", -1.0), ("consumer_byte_rate", 1.5), ("consumer_byte_rate", 1e300),
              ("no_such_rate", 1.0), ("", 1.0), ("connection_creation_rate", 0.5), ("controller_mutation_rate", -0.5),
              ("producer_byte_rate", 1e-7)]
EXACT, DEFAULT, ANY = 0, 1, 2
SHA_256, SHA_512 = 1, 2


class PrincipalsFamily(Family):
    WEIGHTS = {"alter_quotas": 8, "describe_quotas": 6, "alter_users": 7, "describe_users": 4, "acls": 2, "tokens": 2}

    # ---- quotas; defaults are left alone, for they would slow down other runs

    def component(self) -> dict:
        dice = self.dice
        kind = dice.choice(("user", "user", "client-id", "client-id", "ip")) if dice.maybe(0.95) else dice.choice(("", "group"))
        names = {"user": USERS, "client-id": CLIENTS, "ip": ADDRESSES}.get(kind, USERS)
        name = dice.choice(names) if dice.maybe(0.93) else dice.choice(("", None, "@\u00fc", "a b"))
        return {"entity_type": kind, "entity_name": name}

    def entity(self) -> list:
        dice = self.dice
        if dice.maybe(0.85):
            return dice.choice(([self.named("user", USERS)], [self.named("client-id", CLIENTS)], [self.named("ip", ADDRESSES)],
                                [self.named("user", USERS), self.named("client-id", CLIENTS)]))
        return [self.component() for _ in range(dice.choice((0, 1, 1, 2, 3)))]

    def named(self, kind: str, names: list) -> dict:
        return {"entity_type": kind, "entity_name": self.dice.choice(names)}

    def change(self) -> dict:
        dice = self.dice
        key, value = dice.choice(QUOTAS if dice.maybe(0.85) else BAD_QUOTAS)
        return {"key": key, "value": value, "remove": dice.maybe(0.3)}

    def alter_quotas(self):
        dice = self.dice
        entries = [{"entity": self.entity(), "ops": [self.change() for _ in range(dice.choice((0, 1, 1, 1, 2)))]}
                   for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        entries = list({str(sorted(entry["entity"], key=str)): entry for entry in entries}.values())  # see README
        for entry in entries:
            if any(part["entity_name"] is None for part in entry["entity"]):
                entry["ops"] = [change | {"remove": True} for change in entry["ops"]]
        return self.either_end("AlterClientQuotas", {"entries": entries, "validate_only": dice.maybe(0.2)})

    def describe_quotas(self):
        dice = self.dice

        def component() -> dict:
            part = self.component()
            match = dice.choice((EXACT, EXACT, DEFAULT, ANY)) if dice.maybe(0.95) else dice.choice((3, -1))
            name = part["entity_name"] if match == EXACT or dice.maybe(0.05) else None
            return {"entity_type": part["entity_type"], "match_type": match, "match": name}
        return self.step("DescribeClientQuotas", {"components": [component() for _ in range(dice.choice((0, 1, 1, 2, 3)))],
                                                  "strict": dice.maybe(0.5)})

    # ---- users with SCRAM

    def user(self) -> str:
        return self.dice.choice(USERS) if self.dice.maybe(0.93) else self.dice.choice(("", "@nobody", "@\u00fc", "@,=+"))

    def mechanism(self) -> int:
        return self.dice.choice((SHA_256, SHA_256, SHA_512)) if self.dice.maybe(0.95) else self.dice.choice((0, 3, -1, 127))

    def alter_users(self):
        dice = self.dice
        deletions = [{"name": self.user(), "mechanism": self.mechanism()} for _ in range(dice.choice((0, 0, 1, 1, 2)))]
        upsertions = [{"name": self.user(), "mechanism": self.mechanism(),
                       "iterations": dice.choice((4096, 4096, 4096, 8192, 16384, 16385, 4095, 0, -1)),
                       "salt": dice.choice((b"salt" * 4, b"salt" * 4, b"s", b"")),
                       "salted_password": dice.choice((b"p" * 32, b"p" * 32, b"p" * 64, b""))}
                      for _ in range(dice.choice((0, 1, 1, 1, 2)))]
        return self.either_end("AlterUserScramCredentials", {"deletions": deletions, "upsertions": upsertions})

    def describe_users(self):
        dice = self.dice
        users = [{"name": self.user()} for _ in range(dice.choice((1, 1, 2, 3)))]
        return self.either_end("DescribeUserScramCredentials", {"users": dice.choice((users, users, users, None, []))})

    # ---- what needs an authorizer, or a secret

    def filter(self) -> dict:
        dice = self.dice
        return {"resource_type_filter": dice.choice((1, 2, 3, 4, 0, 99)), "resource_name_filter": dice.choice((None, "@t", "*", "")),
                "pattern_type_filter": dice.choice((3, 4, 1, 2, 0, -1)), "principal_filter": dice.choice((None, "User:a", "a")),
                "host_filter": dice.choice((None, "*")), "operation": dice.choice((1, 2, 3, 12, 0)), "permission_type": dice.choice((1, 2, 3, 0))}

    def acls(self):
        dice = self.dice
        api = dice.choice(("DescribeAcls", "CreateAcls", "DeleteAcls"))
        body = {"DescribeAcls": self.filter(), "DeleteAcls": {"filters": [self.filter() for _ in range(dice.choice((0, 1, 2)))]},
                "CreateAcls": {"creations": [
                    {"resource_type": dice.choice((2, 3, 0)), "resource_name": dice.choice(("@t", "*", "")),
                     "resource_pattern_type": dice.choice((3, 4, 1)), "principal": dice.choice(("User:a", "a")), "host": "*",
                     "operation": dice.choice((2, 3, 1)), "permission_type": dice.choice((2, 3, 1))}
                    for _ in range(dice.choice((0, 1, 2)))]}}[api]
        return self.either_end(api, body)

    def tokens(self):
        dice = self.dice
        principal = {"principal_type": dice.choice(("User", "", "Group")), "principal_name": dice.choice(("a", ""))}
        api = dice.choice(("CreateDelegationToken", "RenewDelegationToken", "ExpireDelegationToken", "DescribeDelegationToken"))
        body = {"CreateDelegationToken": {"owner_principal_type": dice.choice((None, "User")), "owner_principal_name": dice.choice((None, "a")),
                                          "renewers": [principal], "max_lifetime_ms": dice.choice((-1, 0, 1000))},
                "RenewDelegationToken": {"hmac": b"\1\2", "renew_period_ms": -1},
                "ExpireDelegationToken": {"hmac": b"\1\2", "expiry_time_period_ms": -1},
                "DescribeDelegationToken": {"owners": dice.choice((None, [], [principal]))}}[api]
        return self.either_end(api, body)


FAMILY = PrincipalsFamily
