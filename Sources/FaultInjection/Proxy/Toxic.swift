// SPDX-License-Identifier: Apache-2.0

/// What a proxy does to the bytes of one direction, in Toxiproxy's terms.
package struct Toxic: Sendable, Equatable {
    /// Which bytes it concerns: `upstream` from client to server, `downstream` from server to client.
    package enum Direction: String, Sendable, Codable, CaseIterable {
        case upstream, downstream
    }

    package enum Kind: Sendable, Equatable {
        /// Every chunk leaves `latency` ± `jitter` after it came, in order; chunks wait side by side, not one after another.
        case latency(Duration, jitter: Duration)
        /// At most this many bytes a second; 0 means no limit.
        case bandwidth(bytesPerSecond: Int)
        /// The end of the stream is passed on this much later.
        case slowClose(Duration)
        /// Nothing passes; the connection closes after this time, or never with zero. Removing it closes the connection,
        /// because bytes are missing.
        case timeout(Duration)
        /// The connection is reset (RST) on both sides after this time.
        case resetPeer(Duration)
        /// Chunks are cut into pieces of `averageSize` ± `variation` bytes with `delay` between them.
        case slicer(averageSize: Int, variation: Int, delay: Duration)
        /// The connection closes after this many bytes.
        case limitData(bytes: Int)

        /// Toxiproxy's name of the kind.
        package var type: String {
            switch self {
            case .latency: "latency"
            case .bandwidth: "bandwidth"
            case .slowClose: "slow_close"
            case .timeout: "timeout"
            case .resetPeer: "reset_peer"
            case .slicer: "slicer"
            case .limitData: "limit_data"
            }
        }
    }

    package var name: String
    package var kind: Kind
    package var direction: Direction
    /// Share of the connections that it strikes, 0…1; the dice are cast once for each connection.
    package var toxicity: Double

    package init(name: String, kind: Kind, direction: Direction = .downstream, toxicity: Double = 1) {
        self.name = name
        self.kind = kind
        self.direction = direction
        self.toxicity = toxicity
    }
}

extension Toxic.Kind {
    /// Why attributes do not describe a toxic, for the answer of the control API.
    package struct Invalid: Error, Equatable { package var message: String }

    /// Names of the kinds in Toxiproxy's terms.
    package static let types = ["latency", "bandwidth", "slow_close", "timeout", "reset_peer", "slicer", "limit_data"]

    /// Largest number of an attribute, about 11 days in milliseconds: beyond it, sums of nanoseconds would need care.
    private static let largest = 1_000_000_000

    /// Reads a kind from Toxiproxy's type and attributes. Missing attributes are 0, unknown ones are ignored, as there.
    ///
    /// - Throws: `Invalid` for an unknown type and for numbers that are negative or above 10⁹.
    package init(type: String, attributes: [String: Int]) throws(Invalid) {
        for (name, value) in attributes.sorted(by: { $0.key < $1.key }) where !(0...Self.largest).contains(value) {
            throw Invalid(message: "attribute \(name) is \(value); it takes 0 to \(Self.largest)")
        }
        func value(_ name: String) -> Int { attributes[name, default: 0] }
        func milliseconds(_ name: String) -> Duration { .milliseconds(value(name)) }
        switch type {
        case "latency": self = .latency(milliseconds("latency"), jitter: milliseconds("jitter"))
        // Toxiproxy's rate is in KB/s, with 1000 bytes to the KB.
        case "bandwidth": self = .bandwidth(bytesPerSecond: value("rate") * 1000)
        case "slow_close": self = .slowClose(milliseconds("delay"))
        case "timeout": self = .timeout(milliseconds("timeout"))
        case "reset_peer": self = .resetPeer(milliseconds("timeout"))
        case "slicer":
            guard value("average_size") > 0 else { throw Invalid(message: "a slicer needs average_size from 1") }
            guard value("size_variation") < value("average_size") else {
                throw Invalid(message: "size_variation must be below average_size")
            }
            guard value("delay") <= 1_000_000 else { throw Invalid(message: "a slicer's delay is at most 1000000 µs") }
            self = .slicer(
                averageSize: value("average_size"), variation: value("size_variation"),
                delay: .microseconds(value("delay")))
        case "limit_data": self = .limitData(bytes: value("bytes"))
        default:
            throw Invalid(message: "invalid toxic type '\(type)'; the types are \(Self.types.joined(separator: ", "))")
        }
    }

    /// The attributes as Toxiproxy writes them.
    package var attributes: [String: Int] {
        switch self {
        case .latency(let latency, let jitter): ["latency": latency.milliseconds, "jitter": jitter.milliseconds]
        case .bandwidth(let bytesPerSecond): ["rate": bytesPerSecond / 1000]
        case .slowClose(let delay): ["delay": delay.milliseconds]
        case .timeout(let timeout), .resetPeer(let timeout): ["timeout": timeout.milliseconds]
        case .slicer(let size, let variation, let delay):
            ["average_size": size, "size_variation": variation, "delay": Int(delay.nanoseconds / 1000)]
        case .limitData(let bytes): ["bytes": bytes]
        }
    }
}

extension Duration {
    fileprivate var milliseconds: Int { Int(nanoseconds / 1_000_000) }

    /// Whole nanoseconds; toxics bound their durations far below the limit of 292 years.
    var nanoseconds: Int64 { components.seconds * 1_000_000_000 + components.attoseconds / 1_000_000_000 }
}
