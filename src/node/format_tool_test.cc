#include "node/format_tool.h"

#include <gtest/gtest.h>

#include "base/prng.h"
#include "node/config.h"
#include "node/storage_info.h"
#include "storage/testing/memory_files.h"

namespace gregor::node {
namespace {

using storage::testing::MemoryFiles;

class TestRandom final : public io::Random {
public:
    std::uint64_t next() override { return prng_.next(); }

private:
    Prng prng_{7};
};

struct Node {
    MemoryFiles files;
    TestRandom random;
    Settings settings;

    explicit Node(const char* log_dirs) {
        auto properties = embedded_defaults();
        properties.push_back({"log.dirs", log_dirs});
        settings = *Settings::make("", properties);
    }
    std::string format(const std::string& cluster_id = "c", bool ignore_formatted = false) {
        const FormatOptions options{.request = {.cluster_id = cluster_id, .standalone = true},
                                    .ignore_formatted = ignore_formatted};
        auto text = run_format(files, random, settings, options, 1);
        return text ? *text : text.error().detail;
    }
    StorageInfo info() { return describe_storage(files, read_log_dirs(settings, BrokerId{1})); }
    std::vector<std::string> names() const {
        std::vector<std::string> list;
        for (const auto& [path, node] : files.nodes) list.push_back(path);
        return list;
    }
};

TEST(FormatTool, WritesTheFilesOfEveryDirectory) {
    Node node("/a,/b");
    EXPECT_EQ(node.format(),
              "Formatting dynamic metadata voter directory /a with metadata.version 4.3-IV0.\n"
              "Formatting data directory /b with metadata.version 4.3-IV0.\n");
    EXPECT_EQ(node.names(),
              (std::vector<std::string>{"/a/__cluster_metadata-0/00000000000000000000-0000000000.checkpoint",
                                        "/a/bootstrap.checkpoint", "/a/meta.properties",
                                        "/b/bootstrap.checkpoint", "/b/meta.properties"}));
    EXPECT_TRUE(node.files.locked.empty());
}

TEST(FormatTool, LeavesFormattedDirectoriesAlone) {
    Node node("/a,/b");
    node.format();
    const auto before = node.files.text("/b/meta.properties");
    EXPECT_EQ(node.format(),
              "Log directory /a is already formatted. Use --ignore-formatted to ignore this directory and "
              "format the "
              "others.");
    node.files.nodes.erase("/a/meta.properties");
    EXPECT_EQ(node.format("c", true),
              "Formatting dynamic metadata voter directory /a with metadata.version 4.3-IV0.\n");
    EXPECT_EQ(node.format("c", true), "All of the log directories are already formatted.\n");
    EXPECT_EQ(node.files.text("/b/meta.properties"), before);
    EXPECT_EQ(node.format("other", true),
              "Invalid cluster.id in: /a/meta.properties. Expected other, but read c");
}

TEST(FormatTool, RefusesTheDirectoryOfARunningBroker) {
    Node node("/a");
    ASSERT_TRUE(node.files.make_directories("/a"));
    const auto held = node.files.lock("/a/.lock");
    EXPECT_EQ(node.format(),
              "log directory /a is used by another running broker; stop it, or give this one its own "
              "log.dirs");
}

TEST(StorageInfo, NamesWhatItFindsAndWhatIsWrong) {
    Node node("/a,/b");
    EXPECT_EQ(node.info().text, "Found problems:\n  /a does not exist\n  /b does not exist\n\n");
    node.format();
    EXPECT_FALSE(node.info().has_problems);
    node.files.put("/b/meta.properties", std::string_view("version=1\nnode.id=2\ncluster.id=c\n"));
    const auto info = node.info();
    EXPECT_TRUE(info.has_problems);
    EXPECT_TRUE(info.text.starts_with(
        "Found log directories:\n  /a\n  /b\n\nFound metadata: {cluster.id=c, directory.id="))
        << info.text;
    EXPECT_TRUE(info.text.ends_with("Found problem:\n  Mismatched node IDs between storage directories.\n\n"))
        << info.text;
    node.files.nodes.erase("/b/meta.properties");
    EXPECT_TRUE(node.info().text.ends_with("Found problem:\n  /b is not formatted.\n\n"));
}

}  // namespace
}  // namespace gregor::node
