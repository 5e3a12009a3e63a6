// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// Where the time of the requests to one target went, as reports show it: a row for each part that any request entered.
package struct BreakdownRow: Sendable {
    package struct Part: Sendable {
        package var part: RequestPart
        /// Time in the part of the requests that got through it.
        package var time: Latency
        /// Share of all requests' time that was spent in the part, 0…1; nil when no time passed at all.
        package var share: Double?
        /// Requests that died in it.
        package var ended: UInt64
    }

    package var target: String
    package var parts: [Part]

    init(_ breakdown: Breakdown) {
        target = breakdown.target
        func total(_ part: RequestPart) -> Double {
            [breakdown.passed[part], breakdown.ended[part]].reduce(0) { sum, histogram in
                sum + (histogram.map { Double($0.count) * ($0.mean ?? 0) } ?? 0)
            }
        }
        let all = RequestPart.allCases.reduce(0) { $0 + total($1) }
        parts = RequestPart.allCases.filter { breakdown.passed[$0] != nil || breakdown.ended[$0] != nil }.map { part in
            Part(
                part: part, time: Latency(breakdown.passed[part] ?? LatencyHistogram()),
                share: all > 0 ? total(part) / all : nil, ended: breakdown.ended[part]?.count ?? 0)
        }
    }

    /// "12 died in connect, 3 in first byte"; nil when none did.
    var losses: String? {
        let losses = parts.filter { $0.ended > 0 }.map { "\(Format.count($0.ended)) in \($0.part.title)" }
        return losses.isEmpty ? nil : "died: " + losses.joined(separator: ", ")
    }
}

extension RequestPart {
    /// The part's name in tables.
    var title: String {
        switch self {
        case .wait: "wait"
        case .dns: "DNS"
        case .connect: "connect"
        case .tls: "TLS"
        case .send: "send"
        case .firstByte: "first byte"
        case .receive: "receive"
        }
    }
}

extension Format {
    /// "3 full TLS handshakes, 12 resumed"; nil without TLS.
    static func handshakes(_ accounting: Accounting) -> String? {
        guard accounting.tlsHandshakes > 0 else { return nil }
        return count(accounting.tlsFull, "full TLS handshake") + ", \(count(accounting.tlsResumed)) resumed"
    }
}
