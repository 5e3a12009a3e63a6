// SPDX-License-Identifier: Apache-2.0

package import Measurement

/// The line that is shown once a second while the load runs.
package struct LiveLine: Sendable {
    /// Planned length, in nanoseconds.
    package var total: UInt64
    /// Now, on the run's clock, in nanoseconds.
    package var elapsed: UInt64
    /// The variant's name, or nil when there is one only.
    package var variant: String?
    /// Requests that ended in the last second.
    package var ratePerSecond: Double
    /// end − intended of the successes of the last second.
    package var response: LatencyHistogram
    /// Requests of the last second that did not succeed, and those of the whole run so far.
    package var errors: UInt64
    package var errorsSoFar: UInt64
    package var inFlight: Int
    /// "warm-up", "baseline", "fault: post -> comment: latency 800 ms", …; nil says nothing.
    package var phase: String?
    /// State of each breaker, by pipeline; those that are closed are not shown.
    package var breakers: [(pipeline: String, state: String)]

    package init(
        total: UInt64, elapsed: UInt64, variant: String? = nil, ratePerSecond: Double, response: LatencyHistogram,
        errors: UInt64, errorsSoFar: UInt64, inFlight: Int, phase: String? = nil,
        breakers: [(pipeline: String, state: String)] = []
    ) {
        self.total = total
        self.elapsed = elapsed
        self.variant = variant
        self.ratePerSecond = ratePerSecond
        self.response = response
        self.errors = errors
        self.errorsSoFar = errorsSoFar
        self.inFlight = inFlight
        self.phase = phase
        self.breakers = breakers
    }

    /// The line for a slice as the engine hands it over.
    ///
    /// - Parameters:
    ///   - slice: the last second. Requests that were intended in it and have not ended are not in its percentiles.
    ///   - errorsSoFar: unsuccessful requests of the run up to and with this slice.
    package init(
        _ slice: Slice, total: UInt64, errorsSoFar: UInt64, variant: String? = nil, phase: String? = nil,
        breakers: [(pipeline: String, state: String)] = []
    ) {
        let ended = slice.ended.values.reduce(0, +)
        self.init(
            total: total, elapsed: slice.startNanoseconds + 1_000_000_000, variant: variant,
            ratePerSecond: Double(ended), response: slice.responseTime(outcomes: [.ok]),
            errors: ended - Swift.min(ended, slice.ended[.ok, default: 0]), errorsSoFar: errorsSoFar,
            inFlight: slice.inFlight, phase: phase, breakers: breakers)
    }

    /// One line without a line end, cut to the width of the style.
    package func render(_ style: Style) -> String {
        var parts: [(text: String, tone: Style.Tone)] = [
            (Self.clock(elapsed, of: total), .strong)
        ]
        if let variant { parts.append((TextWidth.printable(variant), .accent)) }
        parts.append((TextWidth.pad(Format.rate(ratePerSecond), to: 7, right: true), .plain))
        // A second holds few samples: the live p99 is the plain nearest rank, an indication.
        parts.append(("p50 " + field(response.percentile(50)), .plain))
        parts.append(("p99 " + field(response.percentile(99)), .plain))
        let errorText =
            errorsSoFar == 0 ? "no errors" : "errors \(Format.count(errors)) (Σ \(Format.count(errorsSoFar)))"
        parts.append((errorText, errors > 0 ? .bad : errorsSoFar > 0 ? .warning : .dim))
        parts.append(("in flight \(inFlight)", .dim))
        if let phase { parts.append((TextWidth.printable(phase), phase.hasPrefix("fault") ? .warning : .dim)) }
        for breaker in breakers where breaker.state != "closed" {
            parts.append((TextWidth.printable("\(breaker.pipeline) \(breaker.state)"), .bad))
        }
        return Self.join(parts, style)
    }

    /// What to write to the terminal or the file for this line.
    ///
    /// On a terminal each line takes the place of the one before (carriage return, text, erase to the end of the line), so write a
    /// line end after the last; otherwise it ends with a line end.
    package func output(isTerminal: Bool, _ style: Style) -> String {
        isTerminal ? "\r" + render(style) + "\u{1B}[K" : render(style) + "\n"
    }

    private func field(_ nanoseconds: UInt64?) -> String {
        TextWidth.pad(Format.duration(nanoseconds), to: 7, right: true)
    }

    private static func clock(_ elapsed: UInt64, of total: UInt64) -> String {
        func seconds(_ value: UInt64) -> String { String((value + 500_000_000) / 1_000_000_000) }
        let whole = seconds(total)
        return TextWidth.pad(seconds(elapsed), to: whole.count, right: true) + "/" + whole + " s"
    }

    private static func join(_ parts: [(text: String, tone: Style.Tone)], _ style: Style) -> String {
        var line = ""
        var used = 0
        for (text, tone) in parts {
            let separator = used == 0 ? "" : "  "
            // One column stays free: writing into the last one makes some terminals wrap.
            let room = style.width - 1 - used - separator.count
            if room <= 1 { break }
            let shown = TextWidth.cut(text, to: room)
            line += separator + style.paint(shown, tone)
            used += separator.count + TextWidth.of(shown)
        }
        return line
    }
}
