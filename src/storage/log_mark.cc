#include "storage/log_mark.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "records/crc32c.h"
#include "storage/checkpoint_text.h"

namespace gregor::storage {
namespace {

constexpr std::size_t k_mark_fields = 12;
constexpr std::size_t k_first_number = 3;  // behind topic, partition and topic id

// Nothing of a mark is negative but the timestamp and the offset of a segment without any.
std::optional<LogMark> parse_mark(const std::vector<std::string_view>& fields) {
    LogMark mark;
    const auto id = Uuid::parse(fields[2]);
    if (!id) return std::nullopt;
    mark.topic_id = *id;
    std::array<std::int64_t, k_mark_fields - k_first_number> numbers{};
    for (std::size_t i = 0; i < numbers.size(); ++i) {
        const auto number = parse_number<std::int64_t>(fields[k_first_number + i]);
        const bool may_be_negative = i + 2 >= numbers.size();
        if (!number || (*number < 0 && !may_be_negative)) return std::nullopt;
        numbers[i] = *number;
    }
    const auto& [base, end, position, index_entries, last_index, time_entries, txn_entries, timestamp,
                 offset] = numbers;
    mark.base = Offset{base};
    mark.end = Offset{end};
    mark.position = position;
    mark.index_entries = index_entries;
    mark.last_index_position = last_index;
    mark.time_entries = time_entries;
    mark.txn_entries = txn_entries;
    mark.max = {timestamp, Offset{offset}};
    constexpr std::int64_t k_in_segment_max = INT32_MAX;
    const bool is_possible =
        end <= k_offset_max && std::max({position, index_entries, time_entries}) <= k_in_segment_max;
    if (!is_possible || end < base || (position == 0) != (end == base)) return std::nullopt;
    return mark;
}

// Nobody repairs these files by hand, so a single wrong digit may cost all of what they say.
SmallFile seal(std::string path, Uuid directory_id, const std::string& checkpoint) {
    const auto sum = records::crc32c(as_bytes(checkpoint));
    return {std::move(path), fmt::format("{} {}\n{}", directory_id.to_string(), sum, checkpoint)};
}

// The checkpoint behind the seal; empty when there is no file.
Result<std::string> read_sealed(io::FileSystem& files, const std::string& path, Uuid directory_id) {
    auto text = TRY(read_if_there(files, path));
    if (text.empty()) return text;
    const auto end = text.find('\n');
    const auto blank = text.find(' ');
    if (end == std::string::npos || blank >= end)
        return std::unexpected(malformed(path, "does not begin with a directory id and a checksum"));
    const std::string_view first_line(text.data(), end);
    if (first_line.substr(0, blank) != directory_id.to_string())
        return std::unexpected(malformed(path, "is of another directory"));
    const auto sum = parse_number<std::uint32_t>(first_line.substr(blank + 1));
    text.erase(0, end + 1);
    if (sum != records::crc32c(as_bytes(text))) return std::unexpected(malformed(path, "is damaged"));
    return text;
}

}  // namespace

Result<LogMarks> read_marks(io::FileSystem& files, const std::string& path, Uuid directory_id) {
    const auto text = TRY(read_sealed(files, path, directory_id));
    LogMarks marks;
    for (const auto& fields : TRY(parse_checkpoint(text, k_mark_fields, path))) {
        const auto partition = parse_number<std::int32_t>(fields[1]);
        const auto mark = parse_mark(fields);
        if (!partition || !mark)
            return std::unexpected(malformed(path, fmt::format("malformed entry of topic '{}'", fields[0])));
        marks[{std::string(fields[0]), PartitionIndex{*partition}}] = *mark;
    }
    return marks;
}

SmallFile marks_file(std::string path, Uuid directory_id, const LogMarks& marks) {
    auto text = fmt::format("0\n{}\n", marks.size());
    for (const auto& [name, mark] : marks)
        text += fmt::format("{} {} {} {} {} {} {} {} {} {} {} {}\n", name.topic, name.partition.value(),
                            mark.topic_id.to_string(), mark.base.value(), mark.end.value(), mark.position,
                            mark.index_entries, mark.last_index_position, mark.time_entries, mark.txn_entries,
                            mark.max.timestamp, mark.max.offset.value());
    return seal(std::move(path), directory_id, text);
}

Result<std::vector<Uuid>> read_stamp(io::FileSystem& files, const std::string& path, Uuid directory_id) {
    const auto text = TRY(read_sealed(files, path, directory_id));
    std::vector<Uuid> incarnations;
    for (const auto& fields : TRY(parse_checkpoint(text, 1, path))) {
        const auto id = Uuid::parse(fields[0]);
        if (!id) return std::unexpected(malformed(path, "malformed incarnation id"));
        incarnations.push_back(*id);
    }
    return incarnations;
}

SmallFile stamp_file(std::string path, Uuid directory_id, const std::vector<Uuid>& incarnations) {
    auto text = fmt::format("0\n{}\n", incarnations.size());
    for (const auto& id : incarnations) text += fmt::format("{}\n", id.to_string());
    return seal(std::move(path), directory_id, text);
}

}  // namespace gregor::storage
