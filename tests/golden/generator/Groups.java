import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.google.re2j.Pattern;
import com.google.re2j.PatternSyntaxException;
import java.util.*;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataDelta;
import org.apache.kafka.coordinator.common.runtime.CoordinatorMetadataImage;
import org.apache.kafka.coordinator.group.Utils;
import org.apache.kafka.coordinator.group.api.assignor.*;
import org.apache.kafka.coordinator.group.assignor.*;
import org.apache.kafka.coordinator.group.modern.*;

/**
 * Writes groups.jsonl.gz: what Kafka's assignors assign to random groups, its hashes of topics, its regular expressions.
 * Kafka's uniform assignor visits members and topics in the order of Java's hash maps. Members are therefore handed over in
 * the order of their ids, and the ids of topics are chosen so that their hashes stand in the order of the ids.
 */
final class Groups {
    private static final int SCENARIOS = 70, STEPS = 7, TOPICS_MAX = 10;
    private final Lines out;

    Groups(Lines out) {
        this.out = out;
    }

    void write() throws Exception {
        for (int seed = 0; seed < SCENARIOS; seed++) {
            for (ConsumerGroupPartitionAssignor assignor : List.of(new RangeAssignor(), new UniformAssignor())) {
                new Scenario(assignor, seed).play();
            }
        }
        writeHashes();
        for (String expression : EXPRESSIONS) writeExpression(expression);
    }

    private record Topic(Uuid id, int partitions) {}

    private static final class Member {
        Optional<String> instance = Optional.empty();
        final TreeSet<Integer> subscribed = new TreeSet<>();
        final TreeMap<Integer, TreeSet<Integer>> current = new TreeMap<>();
    }

    /** A group that changes step by step; each target is the next step's current assignment. */
    private final class Scenario {
        private final ConsumerGroupPartitionAssignor assignor;
        private final Random random;
        private final boolean homogeneous;
        private final List<Topic> topics = new ArrayList<>();
        private final TreeMap<String, Member> members = new TreeMap<>();

        Scenario(ConsumerGroupPartitionAssignor assignor, int seed) {
            this.assignor = assignor;
            random = new Random(seed);
            homogeneous = seed % 2 == 0;
            long[] high = random.longs(TOPICS_MAX).toArray();
            Long[] sorted = Arrays.stream(high).boxed().sorted(Long::compareUnsigned).toArray(Long[]::new);
            int count = 1 + random.nextInt(TOPICS_MAX);
            for (int i = 0; i < count; i++) topics.add(new Topic(new Uuid(sorted[i], sorted[i] ^ i), random.nextInt(20)));
            int size = 1 + random.nextInt(12);
            for (int i = 0; i < size; i++) join();
        }

        void play() throws Exception {
            for (int step = 0; step < STEPS; step++) {
                assign();
                change();
            }
        }

        private void join() {
            Member member = new Member();
            String id = "m" + Integer.toHexString(random.nextInt(1 << 16));
            if (random.nextInt(4) == 0) member.instance = Optional.of("i" + random.nextInt(1 << 16));
            if (!homogeneous || members.isEmpty()) subscribe(member);
            else member.subscribed.addAll(members.firstEntry().getValue().subscribed);
            members.put(id, member);
        }

        private void subscribe(Member member) {
            member.subscribed.clear();
            for (int i = 0; i < topics.size(); i++) if (random.nextInt(3) > 0) member.subscribed.add(i);
        }

        private void change() {
            int changes = 1 + random.nextInt(3);
            for (int i = 0; i < changes; i++) {
                switch (random.nextInt(4)) {
                    case 0 -> join();
                    case 1 -> {
                        if (members.size() > 1) members.remove(List.copyOf(members.keySet()).get(random.nextInt(members.size())));
                    }
                    case 2 -> {
                        int grown = random.nextInt(topics.size());
                        topics.set(grown, new Topic(topics.get(grown).id, topics.get(grown).partitions + random.nextInt(6)));
                    }
                    default -> resubscribe();
                }
            }
        }

        private void resubscribe() {
            Member first = members.firstEntry().getValue();
            subscribe(first);
            if (!homogeneous) return;
            for (Member member : members.values()) {
                member.subscribed.clear();
                member.subscribed.addAll(new TreeSet<>(first.subscribed));
            }
        }

        private void assign() throws Exception {
            ObjectNode line = Lines.object().put("kind", "assignment").put("assignor", assignor.name()).put("homogeneous", homogeneous);
            ArrayNode shape = line.putArray("topics");
            for (Topic topic : topics) shape.addObject().put("id", topic.id.toString()).put("partitions", topic.partitions);
            ObjectNode group = line.putObject("members");
            members.forEach((id, member) -> {
                ObjectNode json = group.putObject(id);
                member.instance.ifPresent(instance -> json.put("instance", instance));
                member.subscribed.forEach(json.putArray("subscribed")::add);
                writeAssignment(json.putObject("current"), member.current);
            });
            Map<String, MemberAssignment> assigned = assignor.assign(spec(), describer()).members();
            ObjectNode target = line.putObject("target");
            members.forEach((id, member) -> {
                member.current.clear();
                if (!assigned.containsKey(id)) return;
                assigned.get(id).partitions().forEach((topic, partitions) -> {
                    if (!partitions.isEmpty()) member.current.put(indexOf(topic), new TreeSet<>(partitions));
                });
                writeAssignment(target.putObject(id), member.current);
            });
            out.write(line);
            out.count(assignor.name(), 1);
        }

        private int indexOf(Uuid id) {
            for (int i = 0; i < topics.size(); i++) if (topics.get(i).id.equals(id)) return i;
            throw new NoSuchElementException(id.toString());
        }

        private void writeAssignment(ObjectNode json, TreeMap<Integer, TreeSet<Integer>> assignment) {
            assignment.forEach((topic, partitions) -> partitions.forEach(json.putArray("" + topic)::add));
        }

        private GroupSpec spec() {
            Map<String, MemberSubscriptionAndAssignmentImpl> specs = new LinkedHashMap<>();
            Map<Uuid, Map<Integer, String>> owners = new HashMap<>();
            members.forEach((id, member) -> {
                Set<Uuid> subscribed = new LinkedHashSet<>();
                member.subscribed.forEach(i -> subscribed.add(topics.get(i).id));
                Map<Uuid, Set<Integer>> current = new LinkedHashMap<>();
                member.current.forEach((i, partitions) -> {
                    current.put(topics.get(i).id, partitions);
                    for (int p : partitions) owners.computeIfAbsent(topics.get(i).id, t -> new HashMap<>()).put(p, id);
                });
                specs.put(id, new MemberSubscriptionAndAssignmentImpl(Optional.empty(), member.instance, subscribed, new Assignment(current)));
            });
            return new GroupSpecImpl(specs, homogeneous ? SubscriptionType.HOMOGENEOUS : SubscriptionType.HETEROGENEOUS, owners);
        }

        private SubscribedTopicDescriber describer() {
            return new SubscribedTopicDescriber() {
                @Override
                public int numPartitions(Uuid id) {
                    return topics.get(indexOf(id)).partitions;
                }

                @Override
                public Set<String> racksForPartition(Uuid id, int partition) {
                    return Set.of();
                }
            };
        }
    }

    private record Hashed(String name, Uuid id, List<List<String>> racks) implements CoordinatorMetadataImage.TopicMetadata {
        @Override
        public int partitionCount() {
            return racks.size();
        }

        @Override
        public List<String> partitionRacks(int partition) {
            return new ArrayList<>(racks.get(partition));
        }
    }

    /** A cluster of one topic. */
    private record Image(Hashed topic) implements CoordinatorMetadataImage {
        @Override
        public Set<Uuid> topicIds() {
            return Set.of(topic.id);
        }

        @Override
        public Set<String> topicNames() {
            return Set.of(topic.name);
        }

        @Override
        public Optional<TopicMetadata> topicMetadata(String name) {
            return name.equals(topic.name) ? Optional.of(topic) : Optional.empty();
        }

        @Override
        public Optional<TopicMetadata> topicMetadata(Uuid id) {
            return id.equals(topic.id) ? Optional.of(topic) : Optional.empty();
        }

        @Override
        public CoordinatorMetadataDelta emptyDelta() {
            throw new UnsupportedOperationException();
        }

        @Override
        public long version() {
            return 0;
        }

        @Override
        public boolean isEmpty() {
            return false;
        }
    }

    private void writeHashes() throws Exception {
        Random random = new Random(11);
        List<String> racks = List.of("a", "rack-1", "rack-2", "zone.eu-central-1b", "r\u00e4ck", "\u67b6", "\ud83d\udc1f");
        Map<String, Long> group = new HashMap<>();
        writeGroupHash(group);
        for (int i = 0; i < 40; i++) {
            List<List<String>> partitions = new ArrayList<>();
            int count = i < 30 ? i : 40 * i;
            for (int p = 0; p < count; p++) {
                List<String> of = new ArrayList<>();
                for (int r = random.nextInt(4); r > 0; r--) of.add(racks.get(random.nextInt(racks.size())));
                Collections.sort(of);
                partitions.add(of);
            }
            String name = "x".repeat(1 + random.nextInt(9)) + "-" + i;
            Hashed topic = new Hashed(name, new Uuid(random.nextLong(), random.nextLong()), partitions);
            long hash = Utils.computeTopicHash(name, new Image(topic));
            ObjectNode line = Lines.object().put("kind", "topic_hash").put("id", topic.id.toString()).put("name", name).put("hash", hash);
            ArrayNode json = line.putArray("racks");
            partitions.forEach(of -> of.forEach(json.addArray()::add));
            out.write(line);
            out.count("topic_hash", 1);
            group.put(name, hash);
            writeGroupHash(group);
        }
    }

    private void writeGroupHash(Map<String, Long> group) throws Exception {
        ObjectNode line = Lines.object().put("kind", "group_hash").put("hash", Utils.computeGroupHash(group));
        ObjectNode json = line.putObject("topics");
        new TreeMap<>(group).forEach(json::put);
        out.write(line);
        out.count("group_hash", 1);
    }

    private static final List<String> TOPICS =
        List.of("orders", "orders-eu", "orders.us", "Orders", "payments", "payments-2024", "x", "__internal", "a+b", "aaaa", "12");

    private static final List<String> EXPRESSIONS = List.of("orders", "orders.*", "orders[-.].*", "(?i)orders", "orders|payments", ".*", "", "^orders$",
        "\\w+", "\\d+", "[[:alpha:]]+", "\\p{Lu}.*", "(?P<n>x)", "a{2,4}", "a{4}", "(aa)+", "a*?", "[^o].*", "\\Qa+b\\E", "__.*", "(?:a|aa)*", "\\x78",
        ".{2}", "(?s).*", "\\Aorders\\z", "payments-\\d{4}", "\\pL+", "[\\w.]+", "(", ")", "[", "a**", "*", "a{1001}", "a{2,1}", "\\", "\\8", "(?=x)",
        "(?<!x)", "(?z)", "[b-a]", "x++", "(?P<n>a)(?P<n>b)", "(?P<>a)", "a{2}{3}", "(a", "[a", "(?P=n)", "\\p{Nope}", "[[:nope:]]", "(?:a{1000}){1000}",
        "((a{100}){100}){100}", "x{1000}", "(?i", "+a", "|", "a||b");

    private void writeExpression(String expression) throws Exception {
        ObjectNode line = Lines.object().put("kind", "expression").put("expression", expression);
        try {
            Pattern pattern = Pattern.compile(expression);
            ObjectNode matches = line.putObject("matches");
            for (String topic : TOPICS) matches.put(topic, pattern.matcher(topic).matches());
        } catch (PatternSyntaxException e) {
            line.put("error", e.getDescription());
        }
        out.write(line);
        out.count("expression", 1);
    }
}
