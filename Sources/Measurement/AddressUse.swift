// SPDX-License-Identifier: Apache-2.0

/// What was done with one address of a target over a whole run, warm-up included.
package struct AddressUse: Codable, Sendable, Equatable {
    /// Name of the target.
    package var target: String
    /// "127.0.0.1:8080" or "[::1]:8080".
    package var address: String
    /// TCP connections made to it.
    package var opened: UInt64
    /// Tries that failed; the connection went on to the next address, when there was one.
    package var failed: UInt64

    package init(target: String, address: String, opened: UInt64, failed: UInt64) {
        self.target = target
        self.address = address
        self.opened = opened
        self.failed = failed
    }

    /// The sums of several counts, in the order of each address's first appearance.
    package static func merging(_ all: [AddressUse]) -> [AddressUse] {
        all.reduce(into: []) { merged, use in
            if let known = merged.firstIndex(where: { $0.target == use.target && $0.address == use.address }) {
                merged[known].opened += use.opened
                merged[known].failed += use.failed
            } else {
                merged.append(use)
            }
        }
    }
}
