// SPDX-License-Identifier: Apache-2.0

/// The addresses of a target as one worker uses them: in turn, with failing over to the next, and counted.
///
/// An address that refuses is the last choice for a second, so that a dead one of several costs a try now and then and not one
/// for every connection. Names that are looked up again may lose and gain addresses; counts stay with the address.
struct AddressBook {
    private struct Entry {
        let address: ResolvedTarget.Address
        var opened: UInt64 = 0
        var failed: UInt64 = 0
        /// CLOCK_MONOTONIC until which other addresses come first.
        var avoidedUntil: UInt64 = 0
    }

    private static let avoidance: UInt64 = 1_000_000_000

    /// Every address that was ever known, in the order of its appearance.
    private var entries: [Entry] = []
    /// Positions in `entries` of those that are valid now. Never empty.
    private var current: [Int32] = []
    private var turn = 0
    /// CLOCK_MONOTONIC of the last look-up.
    private(set) var lookedUp: UInt64 = 0

    init(_ addresses: [ResolvedTarget.Address], at now: UInt64) { renew(addresses, at: now) }

    /// Number of addresses that a connection may try.
    var count: Int { current.count }

    /// Takes over what a name stands for now. Nothing changes when the list is empty.
    mutating func renew(_ addresses: [ResolvedTarget.Address], at now: UInt64) {
        lookedUp = now
        guard !addresses.isEmpty else { return }
        current = addresses.map { address in
            if let known = entries.firstIndex(where: { $0.address == address }) { return Int32(known) }
            entries.append(Entry(address: address))
            return Int32(entries.count - 1)
        }
    }

    /// The position, in this turn, of the address that the next connection tries first.
    mutating func begin(_ now: UInt64) -> Int32 {
        let start = turn
        turn = (turn + 1) % current.count
        for offset in current.indices {
            let position = (start + offset) % current.count
            if entries[Int(current[position])].avoidedUntil <= now { return Int32(position) }
        }
        return Int32(start % current.count)
    }

    /// The address of a connection's next try, and its number for ``opened(_:)`` and ``failed(_:_:)``.
    func address(from start: Int32, tried: Int) -> (number: Int32, address: ResolvedTarget.Address) {
        let number = current[(Int(start) + tried) % current.count]
        return (number, entries[Int(number)].address)
    }

    mutating func opened(_ number: Int32) {
        entries[Int(number)].opened += 1
        entries[Int(number)].avoidedUntil = 0
    }

    mutating func failed(_ number: Int32, _ now: UInt64) {
        entries[Int(number)].failed += 1
        entries[Int(number)].avoidedUntil = now &+ Self.avoidance
    }

    /// Connections made and failed tries of each address that was known.
    var uses: [(address: ResolvedTarget.Address, opened: UInt64, failed: UInt64)] {
        entries.map { ($0.address, $0.opened, $0.failed) }
    }
}
