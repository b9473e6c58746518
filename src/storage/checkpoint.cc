#include "storage/checkpoint.h"

#include <fmt/format.h>

#include <set>

#include "base/fault.h"
#include "io/disk_error.h"
#include "storage/checkpoint_text.h"

namespace gregor::storage {
namespace {

constexpr const char* k_temporary_suffix = ".tmp";
constexpr std::string_view k_blanks = " \t\r\f\v";

std::optional<std::string_view> next_line(std::string_view& text) {
    if (text.empty()) return std::nullopt;
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    text.remove_prefix(end == std::string_view::npos ? text.size() : end + 1);
    return line;
}

std::vector<std::string_view> split_blanks(std::string_view line) {
    std::vector<std::string_view> fields;
    while (true) {
        const auto end = line.find_first_of(k_blanks);
        fields.push_back(line.substr(0, end));
        if (end == std::string_view::npos) return fields;
        const auto next = line.find_first_not_of(k_blanks, end);
        if (next == std::string_view::npos) return fields;
        line.remove_prefix(next);
    }
}

Result<Ref<io::File>> write_temporary(io::FileSystem& files, const std::string& path,
                                      const std::string& contents) {
    auto file = TRY(files.open(path + k_temporary_suffix, io::OpenMode::create));
    const auto bytes = as_bytes(contents);
    TRY_STATUS(file->truncate(0));
    TRY_STATUS(file->write_at(0, std::span(&bytes, 1)));
    return file;
}

}  // namespace

Error malformed(const std::string& path, std::string_view why) {
    return {ErrorCode::kafka_storage_error, fmt::format("{}: {}", path, why)};
}

Result<std::vector<std::vector<std::string_view>>> parse_checkpoint(std::string_view text, std::size_t fields,
                                                                    const std::string& path) {
    std::vector<std::vector<std::string_view>> entries;
    const auto version = next_line(text);
    if (!version) return entries;
    if (*version != "0") return std::unexpected(malformed(path, "unknown checkpoint version"));
    const auto count_line = next_line(text);
    if (!count_line) return entries;
    const auto count = parse_number<std::int64_t>(*count_line);
    if (!count || *count < 0) return std::unexpected(malformed(path, "the entry count is not a number"));
    while (const auto line = next_line(text)) {
        if (line->empty() && text.empty()) break;
        entries.push_back(split_blanks(*line));
        if (entries.back().size() != fields)
            return std::unexpected(malformed(path, fmt::format("malformed line '{}'", *line)));
    }
    if (static_cast<std::int64_t>(entries.size()) != *count)
        return std::unexpected(
            malformed(path, fmt::format("announces {} entries and holds {}", *count, entries.size())));
    return entries;
}

Result<std::string> read_if_there(io::FileSystem& files, const std::string& path) {
    auto text = read_text_file(files, path);
    if (!text && io::is_disk_failure(text.error(), io::DiskFailure::not_found)) return std::string();
    return text;
}

Result<std::string> read_text_file(io::FileSystem& files, const std::string& path) {
    const auto file = TRY(files.open(path, io::OpenMode::read));
    const auto size = TRY(file->size());
    if (size > k_text_file_bytes_max) return std::unexpected(malformed(path, "is too large to be true"));
    std::string text(static_cast<std::size_t>(size), '\0');
    const auto got = TRY(file->read_at(0, std::as_writable_bytes(std::span(text))));
    text.resize(got);
    return text;
}

Status write_file_atomically(io::FileSystem& files, const std::string& path, Bytes contents) {
    return write_files_atomically(files, {{path, std::string(as_text(contents))}});
}

Status write_files_atomically(io::FileSystem& files, const std::vector<SmallFile>& list) {
    std::vector<Ref<io::File>> written;
    std::vector<io::File*> to_sync;
    for (const auto& [path, contents] : list) {
        written.push_back(TRY(write_temporary(files, path, contents)));
        to_sync.push_back(written.back().get());
    }
    TRY_STATUS(files.sync_all(to_sync));
    FAULT_POINT("checkpoint_before_rename");
    std::set<std::string> folders;
    for (const auto& [path, contents] : list) {
        TRY_STATUS(files.rename(path + k_temporary_suffix, path));
        folders.insert(parent_path(path));
    }
    FAULT_POINT("checkpoint_after_rename");
    for (const auto& folder : folders) TRY_STATUS(files.sync_directory(folder));
    return {};
}

Result<OffsetCheckpoint> read_offset_checkpoint(io::FileSystem& files, const std::string& path) {
    const auto text = TRY(read_if_there(files, path));
    const auto entries = TRY(parse_checkpoint(text, 3, path));
    OffsetCheckpoint offsets;
    for (const auto& fields : entries) {
        const auto partition = parse_number<std::int32_t>(fields[1]);
        const auto offset = parse_number<std::int64_t>(fields[2]);
        if (!partition || !offset || *offset < 0 || *offset > k_offset_max)
            return std::unexpected(malformed(path, fmt::format("malformed entry of topic '{}'", fields[0])));
        offsets[{std::string(fields[0]), PartitionIndex{*partition}}] = Offset{*offset};
    }
    return offsets;
}

SmallFile offset_checkpoint_file(std::string path, const OffsetCheckpoint& offsets) {
    auto text = fmt::format("0\n{}\n", offsets.size());
    for (const auto& [name, offset] : offsets)
        text += fmt::format("{} {} {}\n", name.topic, name.partition.value(), offset.value());
    return {std::move(path), std::move(text)};
}

Result<std::vector<EpochStart>> read_epochs(io::FileSystem& files, const std::string& directory) {
    const auto path = join_path(directory, k_epoch_file);
    const auto text = TRY(read_if_there(files, path));
    const auto entries = TRY(parse_checkpoint(text, 2, path));
    std::vector<EpochStart> epochs;
    for (const auto& fields : entries) {
        const auto epoch = parse_number<std::int32_t>(fields[0]);
        const auto start = parse_number<std::int64_t>(fields[1]);
        if (!epoch || !start || *epoch < 0 || *start < 0 || *start > k_offset_max)
            return std::unexpected(malformed(path, "malformed entry"));
        const EpochStart entry{LeaderEpoch{*epoch}, Offset{*start}};
        if (!epochs.empty() && (epochs.back().epoch >= entry.epoch || epochs.back().start >= entry.start))
            return std::unexpected(malformed(path, "epochs or offsets do not increase"));
        epochs.push_back(entry);
    }
    return epochs;
}

SmallFile epochs_file(const std::string& directory, const std::vector<EpochStart>& epochs) {
    auto text = fmt::format("0\n{}\n", epochs.size());
    for (const auto& entry : epochs) text += fmt::format("{} {}\n", entry.epoch.value(), entry.start.value());
    return {join_path(directory, k_epoch_file), std::move(text)};
}

Result<std::optional<Uuid>> read_partition_metadata(io::FileSystem& files, const std::string& directory) {
    const auto path = join_path(directory, k_partition_metadata_file);
    auto read = read_text_file(files, path);
    if (!read && io::is_disk_failure(read.error(), io::DiskFailure::not_found)) return std::nullopt;
    if (!read) return std::unexpected(std::move(read).error());
    std::string_view text = *read;
    const auto version_line = split_blanks(next_line(text).value_or(""));
    const auto id_line = split_blanks(next_line(text).value_or(""));
    if (version_line.size() != 2 || version_line[0] != "version:" || id_line.size() != 2 ||
        id_line[0] != "topic_id:")
        return std::unexpected(malformed(path, "is not a version line and a topic_id line"));
    const auto version = parse_number<std::int32_t>(version_line[1]);
    const auto id = Uuid::parse(id_line[1]);
    if (!version || *version < 0 || !id || id->is_zero())
        return std::unexpected(malformed(path, "holds no valid version and topic id"));
    return *id;
}

SmallFile partition_metadata_file(const std::string& directory, Uuid topic_id) {
    return {join_path(directory, k_partition_metadata_file),
            fmt::format("version: 0\ntopic_id: {}", topic_id.to_string())};
}

}  // namespace gregor::storage
