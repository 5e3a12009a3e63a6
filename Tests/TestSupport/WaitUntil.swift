// SPDX-License-Identifier: Apache-2.0

/// A condition did not come true in time.
package struct WaitTimeout: Error, CustomStringConvertible {
    package var description: String
}

/// Waits until a condition holds, without sleeping longer than needed.
///
/// Counts its own turns, each with a pause of at least a millisecond, not the time: where other tests keep the threads
/// busy it gets fewer turns, and so does what it waits for.
///
/// - Parameter limit: How long it waits at least; only a failing test waits that long.
package func waitUntil(
    _ what: String, within limit: Duration = .seconds(20), _ condition: @Sendable () async -> Bool
) async throws {
    let quickTurns = 100
    let turns = quickTurns + Int(limit / .milliseconds(1))
    for turn in 0..<turns {
        if await condition() { return }
        if turn < quickTurns { await Task.yield() } else { try await Task.sleep(for: .milliseconds(1)) }
    }
    throw WaitTimeout(description: "waited \(limit) for: \(what)")
}
