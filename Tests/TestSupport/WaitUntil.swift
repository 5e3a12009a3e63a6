// SPDX-License-Identifier: Apache-2.0

/// A condition did not come true in time.
package struct WaitTimeout: Error, CustomStringConvertible {
    package var description: String
}

/// Waits until a condition holds, without sleeping longer than needed.
///
/// - Parameter limit: On the real clock; generous, because only a failing test waits that long.
package func waitUntil(
    _ what: String, within limit: Duration = .seconds(20), _ condition: @Sendable () async -> Bool
) async throws {
    let clock = ContinuousClock()
    let deadline = clock.now.advanced(by: limit)
    var round = 0
    while !(await condition()) {
        if clock.now >= deadline { throw WaitTimeout(description: "waited \(limit) for: \(what)") }
        round += 1
        if round < 100 { await Task.yield() } else { try await Task.sleep(for: .milliseconds(1)) }
    }
}
