// SPDX-License-Identifier: Apache-2.0

internal import Glibc
internal import Synchronization

/// Looks names up again while the load is going, on threads of its own: a resolver may block for seconds, a worker must not.
///
/// Thread-safe. One look-up of a name is under way at a time, whoever asks for it; each worker that asked is woken when it is done.
final class Resolver: Sendable {
    struct Answer: Sendable {
        var addresses: Result<[ResolvedTarget.Address], ResolvedTarget.LookupFailure>
        /// CLOCK_MONOTONIC of the answer.
        var at: UInt64
    }

    private struct Name {
        var isUnderWay = false
        var answer: Answer?
        /// Descriptors of those who asked since the last answer.
        var askers: [Int32] = []
    }

    private let targets: [Plan.Target]
    private let lookup: ResolvedTarget.Lookup
    private let names: Mutex<[Name]>

    init(_ targets: [Plan.Target], lookup: @escaping ResolvedTarget.Lookup) {
        self.targets = targets
        self.lookup = lookup
        names = Mutex(Array(repeating: Name(), count: targets.count))
    }

    /// Has a target's name looked up unless that is under way, and writes to the asker's eventfd when it is done.
    func ask(_ target: Int, bell: Int32) {
        let begins = names.withLock { names in
            names[target].askers.append(bell)
            defer { names[target].isUnderWay = true }
            return !names[target].isUnderWay
        }
        guard begins else { return }
        do throws(LoadEngineError) {
            try EngineThread.start { [self] in finish(target, lookup(targets[target])) }.detach()
        } catch {
            // No thread to be had: as if the resolver had failed for want of memory.
            finish(target, .failure(.init(code: EAI_MEMORY)))
        }
    }

    /// The newest answer that is not older than `since`; nil while it is being looked up.
    func answer(_ target: Int, since: UInt64) -> Answer? {
        names.withLock { names in names[target].answer.flatMap { $0.at >= since ? $0 : nil } }
    }

    /// No more bells are rung. To be called before their descriptors are closed.
    func forget(bell: Int32) {
        names.withLock { names in
            for target in names.indices { names[target].askers.removeAll { $0 == bell } }
        }
    }

    private func finish(_ target: Int, _ addresses: Result<[ResolvedTarget.Address], ResolvedTarget.LookupFailure>) {
        names.withLock { names in
            names[target].answer = Answer(addresses: addresses, at: Clock.now())
            names[target].isUnderWay = false
            // Under the lock, so that nobody who was forgotten is rung.
            var one: UInt64 = 1
            for bell in names[target].askers { _ = Glibc.write(bell, &one, 8) }
            names[target].askers = []
        }
    }
}
