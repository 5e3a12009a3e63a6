// SPDX-License-Identifier: Apache-2.0

internal import Synchronization

/// Which instances a service name stands for, and which of them is next.
///
/// A static list that can be replaced at any time; calls in progress keep the instance they have. Safe from any thread.
package final class ServiceDirectory: Sendable {
    private struct Entry {
        var addresses: [ServiceAddress]
        var next = 0
    }

    private let entries: Mutex<[String: Entry]>

    package init(_ addresses: [String: [ServiceAddress]] = [:]) {
        entries = Mutex(addresses.mapValues { Entry(addresses: $0) })
    }

    /// The next instance in turn; nil when none is known.
    package func next(_ service: String) -> ServiceAddress? {
        entries.withLock { entries in
            guard var entry = entries[service], !entry.addresses.isEmpty else { return nil }
            let address = entry.addresses[entry.next % entry.addresses.count]
            entry.next = (entry.next + 1) % entry.addresses.count
            entries[service] = entry
            return address
        }
    }

    /// Whether an instance is known.
    package func knows(_ service: String) -> Bool {
        entries.withLock { $0[service]?.addresses.isEmpty == false }
    }

    /// All that is known.
    package var snapshot: [String: [ServiceAddress]] {
        entries.withLock { $0.mapValues(\.addresses) }
    }

    /// Replaces the instances of the named services and leaves the others alone. An empty list forgets a service.
    package func update(_ addresses: [String: [ServiceAddress]]) {
        entries.withLock { entries in
            for (service, list) in addresses {
                entries[service] = list.isEmpty ? nil : Entry(addresses: list)
            }
        }
    }
}
