#include "io/disk_error.h"

namespace gregor::io {
namespace {

// The kind travels as an error code that no client ever sees for a disk error; only this file knows the
// mapping.
ErrorCode code_of(DiskFailure kind) {
    switch (kind) {
        case DiskFailure::not_found: return ErrorCode::resource_not_found;
        case DiskFailure::exists: return ErrorCode::duplicate_resource;
        case DiskFailure::no_permission: return ErrorCode::cluster_authorization_failed;
        case DiskFailure::locked: return ErrorCode::concurrent_transactions;
        case DiskFailure::no_space: return ErrorCode::throttling_quota_exceeded;
        case DiskFailure::no_handles: return ErrorCode::fetch_session_id_not_found;
        case DiskFailure::broken: return ErrorCode::kafka_storage_error;
    }
    return ErrorCode::kafka_storage_error;
}

}  // namespace

std::unexpected<Error> disk_fail(DiskFailure kind, std::string detail) {
    return fail(code_of(kind), std::move(detail));
}
bool is_disk_failure(const Error& error, DiskFailure kind) { return error.code == code_of(kind); }
bool is_passing(const Error& error) {
    return is_disk_failure(error, DiskFailure::no_space) || is_disk_failure(error, DiskFailure::no_handles);
}

}  // namespace gregor::io
