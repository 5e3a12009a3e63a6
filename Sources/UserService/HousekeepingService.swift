// SPDX-License-Identifier: Apache-2.0

internal import GRDB
internal import ServiceKit
internal import ServiceLifecycle

/// Removes what has expired, now and then and a little at a time.
struct HousekeepingService: Service {
    let store: UserStore

    func run() async throws {
        try? await cancelWhenGracefulShutdown {
            while true {
                try await Task.sleep(for: .seconds(60))
                let time = store.now()
                // It is tried again in a minute.
                _ = try? await store.database.write { db in try IdempotencyRecords.removeExpired(now: time, in: db) }
            }
        }
    }
}
