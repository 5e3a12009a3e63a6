// SPDX-License-Identifier: Apache-2.0

internal import Glibc

/// Makes sure of enough file descriptors before the load starts.
enum FileDescriptors {
    /// What the rest of the process may have open: files, epoll instances, pipes of children.
    private static let others = 128

    /// Raises the soft limit as far as needed, and a quarter more where that is allowed.
    ///
    /// - Throws: an error with the number needed when the hard limit is too low.
    static func ensure(for plan: Plan) throws(LoadEngineError) {
        let connections = plan.mostConnectionsPerTarget * plan.targets.count
        let needed = rlim_t(connections + others)
        var limit = rlimit()
        guard getrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) == 0, limit.rlim_cur < needed + needed / 4
        else { return }
        if limit.rlim_max < needed {
            throw LoadEngineError(
                .resources,
                "the load may need \(needed) file descriptors (\(connections) connections), and this process may have "
                    + "\(limit.rlim_max); lower the limit of connections, or raise the limit with `ulimit -Hn \(needed)`"
            )
        }
        limit.rlim_cur = min(limit.rlim_max, needed + needed / 4)
        if setrlimit(__rlimit_resource_t(RLIMIT_NOFILE.rawValue), &limit) != 0 {
            throw LoadEngineError(
                .resources, "can't raise the limit of file descriptors to \(needed): \(errorText(errno))")
        }
    }
}
