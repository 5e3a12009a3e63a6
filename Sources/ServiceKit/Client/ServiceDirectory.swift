// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Which instances a service name stands for, and which of them is next.
///
/// A static list that can be replaced at any time; calls in progress keep the instance they have. Safe from any thread.
package final class ServiceDirectory: Sendable {
    /// The instances of a service for one attempt.
    struct Instances: Sendable {
        /// At least one.
        var addresses: [ServiceAddress]
        /// Goes up by one with each attempt; the remainder says which instance is next.
        var turn: Int
        /// Another number for each list.
        var version: Int

        /// The instance whose turn it is.
        var next: ServiceAddress { addresses[turn % addresses.count] }
    }

    private struct State {
        var services: [String: Instances] = [:]
        var version = 0

        mutating func set(_ addresses: [ServiceAddress], for service: String) {
            version += 1
            services[service] = addresses.isEmpty ? nil : Instances(addresses: addresses, turn: 0, version: version)
        }
    }

    private let state: Mutex<State>

    package init(_ addresses: [String: [ServiceAddress]] = [:]) {
        var state = State()
        for (service, list) in addresses { state.set(list, for: service) }
        self.state = Mutex(state)
    }

    /// The instances for the next attempt; nil when none is known.
    func instances(of service: String) -> Instances? {
        state.withLock { state in
            guard let instances = state.services[service] else { return nil }
            // Masked, so that it stays a number to divide in some hundred thousand years, too.
            state.services[service]?.turn = (instances.turn &+ 1) & .max
            return instances
        }
    }

    /// Whether an instance is known.
    package func knows(_ service: String) -> Bool {
        state.withLock { $0.services[service] != nil }
    }

    /// All that is known.
    package var snapshot: [String: [ServiceAddress]] {
        state.withLock { $0.services.mapValues(\.addresses) }
    }

    /// Replaces the instances of the named services and leaves the others alone. An empty list forgets a service.
    package func update(_ addresses: [String: [ServiceAddress]]) {
        state.withLock { state in
            for (service, list) in addresses { state.set(list, for: service) }
        }
    }
}
