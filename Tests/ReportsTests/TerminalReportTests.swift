// SPDX-License-Identifier: Apache-2.0

import Measurement
import Testing

@testable import Reports

@Suite("the report on the terminal")
struct TerminalReportTests {
    @Test("a run without a fault reads like this")
    func quickstart() {
        #expect(TerminalReport.render(.quickstart) == Golden.quickstart + "\n")
    }

    @Test("a run with a fault shows its phases, errors, policies and missed thresholds")
    func fault() throws {
        let text = TerminalReport.render(.brownout)
        let start = try #require(text.firstRange(of: "── everything"))
        let end = try #require(text.firstRange(of: "── variants"))
        #expect(text[start.lowerBound..<end.lowerBound] == Golden.everything + "\n\n")
        #expect(text.contains("  ✗  read-timeline p(99) < 400ms during fault  852 ms\n"))
    }

    @Test("variants stand side by side with their ratios, and with the caveat of a single run")
    func comparison() throws {
        let text = TerminalReport.render(.brownout)
        let start = try #require(text.firstRange(of: "── variants"))
        #expect(text[start.lowerBound...] == Golden.comparison + "\n")
    }

    @Test("a run that was stopped before it measured anything says so")
    func empty() {
        #expect(TerminalReport.render(.empty) == Golden.empty + "\n")
    }

    @Test("without a success there are dashes where percentiles would be, and the failures in words")
    func zeroSuccesses() {
        let text = TerminalReport.render(.zeroSuccesses)
        #expect(text.contains("errors 100 %"))
        #expect(text.contains("    1,200× post 127.0.0.1:4433: connection refused"))
        #expect(text.contains("  ✗  success > 99%  0 %"))
        #expect(text.contains("p99 299 and p99.9 2,995"))
    }

    @Test("response times of successes and of all outcomes, service time and schedule lag stand below each other")
    func sideBySide() {
        let text = TerminalReport.render(.outage)
        for line in [
            "  times          of            count      p50", "  response time  successes ",
            "  response time  all outcomes ",
            "  service time   successes ", "  schedule lag   all sent ",
        ] { #expect(text.contains("\n" + line), "\(line)") }
        let summary = RunSummary(ExperimentRecord.outage.runs[0])
        #expect(summary.total.response.count + summary.total.errors == summary.total.responseOfAll.count)
        #expect(summary.total.response.p99.map { $0 < 1_000_000_000 } == true)
        #expect(summary.total.responseOfAll.p99.map { $0 > 4_900_000_000 } == true)
        #expect(text.contains("p99 of all"))
    }

    @Test("what the generator took and suffered is told, and each address where there are several")
    func generator() {
        var record = ExperimentRecord.quickstart
        record.runs[0].generator.throttledSeconds = 0.5
        record.runs[0].generator.loopStalls.record(1_200_000, count: 400)
        record.runs[0].addresses = [
            AddressUse(target: "web", address: "10.0.0.1:80", opened: 40, failed: 0),
            AddressUse(target: "web", address: "10.0.0.2:80", opened: 24, failed: 7),
        ]
        let text = TerminalReport.render(record, style: Style(width: 140))
        #expect(
            text.contains(
                "  generator   3.20 s CPU on 1 worker, 18.8 % of a core; steal 0 %; throttled 0.500 s; "
                    + "loop stalls p99 1.20 ms, longest 1.20 ms\n"))
        #expect(text.contains("\n  web     10.0.0.2:80           24             7\n"))
        record.runs[0].generator.busyShare = 0.213
        record.runs[0].generator.fileDescriptors = .init(most: 64, limit: 20_000)
        record.runs[0].generator.localPorts = .init(most: 71, limit: 28_232)
        let words = MarkdownReport.render(record)
        #expect(words.contains("of a core; busy 21.3 % of the time; steal"))
        #expect(words.contains("longest 1.20 ms; 64 of 20,000 file descriptors; 71 of 28,232 local ports"))
        #expect(HTMLReport.render(record).contains("throttled 0.500 s"))
        #expect(HTMLReport.render(record).contains("10.0.0.2:80"))
        #expect(MarkdownReport.render(record).contains("- generator, default: 3.20 s CPU on 1 worker"))
        #expect(MarkdownReport.render(record).contains("| web | 10.0.0.2:80 | 24 | 7 |"))
        // One address without a failure says nothing that the sum does not say.
        record.runs[0].addresses.removeLast()
        #expect(!TerminalReport.render(record).contains("tries failed"))
    }

    @Test("beside closed loops no share of the arrivals is made up from what both started")
    func mixedLoads() {
        var record = ExperimentRecord.quickstart
        record.runs[0].offeredRatePerSecond = 100
        record.runs[0].hasClosedLoads = true
        #expect(
            TerminalReport.render(record).contains(
                "  offered     100/s journeys, and closed loops; achieved 140/s together\n"))
        #expect(HTMLReport.render(record).contains("100/s offered, and closed loops"))
        record.runs[0].hasClosedLoads = false
        #expect(TerminalReport.render(record).contains("  offered     100/s journeys; achieved 140/s, 140 %\n"))
    }

    @Test("failures in words say when they hold more than the table above them")
    func failuresOfTheWarmup() {
        var record = ExperimentRecord.zeroSuccesses
        let note = "n words, over the whole run with its warm-up:"
        // 1,200 in words, 1,000 of them measured.
        #expect(TerminalReport.render(record).contains("    i" + note + "\n    1,200× post"))
        #expect(HTMLReport.render(record).contains("I" + note))
        record.runs[0].failureSamples[0].count = 1_000
        #expect(!TerminalReport.render(record).contains(note))
        #expect(!HTMLReport.render(record).contains(note))
    }

    @Test("no line is wider than the terminal", arguments: [72, 80, 100, 132])
    func width(columns: Int) {
        for record in [ExperimentRecord.quickstart, .brownout, .empty, .zeroSuccesses, .hostile] {
            let style = Style(width: columns)
            for line in TerminalReport.render(record, style: style).split(separator: "\n") {
                #expect(TextWidth.of(String(line)) <= columns, "\(line)")
            }
        }
    }

    @Test("the facts above the tables fit even a narrow terminal", arguments: [40, 56])
    func narrow(columns: Int) {
        var record = ExperimentRecord.empty
        record.runs[0].generator.cpuSeconds = 0.0659
        record.runs[0].generator.reasons = ["the generator was late: 1 % of the requests were taken up late"]
        let text = TerminalReport.render(record, style: Style(width: columns))
        for line in text.split(separator: "\n") { #expect(TextWidth.of(String(line)) <= columns, "\(line)") }
    }

    @Test("colours change nothing but colours")
    func colours() {
        let coloured = TerminalReport.render(.brownout, style: Style(usesColor: true))
        #expect(coloured.contains("\u{1B}["))
        #expect(Self.withoutEscapes(coloured) == TerminalReport.render(.brownout))
        #expect(!TerminalReport.render(.brownout).contains("\u{1B}"))
    }

    @Test("names from a script can't write escape sequences")
    func hostile() {
        #expect(!TerminalReport.render(.hostile).contains("\u{1B}"))
    }

    @Test("accounts that do not add up are called by their name")
    func unbalanced() {
        var record = ExperimentRecord.quickstart
        record.runs[0].accounting.scheduled += 1
        #expect(TerminalReport.render(record, style: Style(width: 140)).contains("✗ DOES NOT ADD UP"))
    }

    private static func withoutEscapes(_ text: String) -> String {
        var result = ""
        var isEscape = false
        for character in text {
            if character == "\u{1B}" { isEscape = true }
            if !isEscape { result.append(character) }
            if isEscape, character == "m" { isEscape = false }
        }
        return result
    }
}

/// What the reports looked like when somebody last looked at them.
private enum Golden {
    static let quickstart = """
        quickstart
        The Comment Service slows to 800 ms.
        seed 42 · 2026-03-01T10:00:00Z · Example CPU 3000, 2 cores · Seawall 0.1.0

        ── default ─────────────────────────────────────────────────────────────────────────────────────────
          verdict     VALID — the generator kept its schedule
          offered     140/s journeys; achieved 140/s, 100 %
          requests    3,400 in 17 s measured, after 3 s of warm-up
          goodput     200/s answers as expected; errors 0 %
          accounting  4,000 scheduled = 4,000 completed + 0 failed + 0 aborted + 0 never started ✓
          connections 64 opened, 64 full TLS handshakes, 0 resumed
          generator   3.20 s CPU on 1 worker, 18.8 % of a core; steal 0 %; throttled 0 s
          own part    ≤ 80.0 µs of the p99.9 response time of 24.6 ms: schedule lag 80.0 µs

          times          of            count      p50      p90      p99    p99.9      max
          response time  successes     3,400  2.96 ms  4.38 ms  7.84 ms  24.6 ms  34.1 ms
          response time  all outcomes  3,400  2.96 ms  4.38 ms  7.84 ms  24.6 ms  34.1 ms
          service time   successes     3,400  2.92 ms  4.34 ms  7.77 ms  24.5 ms  34.1 ms
          schedule lag   all sent      3,400  50.7 µs  74.4 µs  79.5 µs  80.0 µs  80.0 µs

          response time (ok)      count  errors      p50      p99    p99.9      max  p99 of all  service p99
          read-timeline
            GET /v1/timelines/h…  2,040       0  3.27 ms  6.91 ms        –  24.6 ms     6.91 ms      6.89 ms
            GET /v1/posts/{id}/…  1,020       0  2.14 ms  7.06 ms        –  25.2 ms     7.06 ms      7.00 ms
          compose-post
            POST /v1/posts          340       0  5.13 ms  18.7 ms        –  34.1 ms     18.7 ms      18.6 ms
          all requests            3,400       0  2.96 ms  7.84 ms  24.6 ms  34.1 ms     7.84 ms      7.77 ms

          policies         calls  attempts/call  retries  timeouts  rejected  fallbacks  opened  open for
          post -> comment  1,920           1.00        0         0         0          0       –         0
          post -> user     1,920           1.00        0         0         0          0       –         0

             threshold                    measured
          ✓  read-timeline p(99) < 400ms  23.1 ms
        """

    static let everything = """
        ── everything ──────────────────────────────────────────────────────────────────────────────────────
          verdict     DEGRADED — read the numbers with these in mind:
                      • 3.1 % of the machine's CPU time was stolen by the hypervisor (more than 1 %)
          offered     140/s journeys; achieved 140/s, 100 %
          requests    7,000 in 35 s measured, after 5 s of warm-up
          goodput     200/s answers as expected; errors 0.214 %
          accounting  8,000 scheduled = 7,985 completed + 15 failed + 0 aborted + 0 never started ✓
          connections 64 opened, 64 full TLS handshakes, 0 resumed
          generator   3.20 s CPU on 1 worker, 9.14 % of a core; steal 3.10 %; throttled 0 s
          own part    ≤ 80.0 µs of the p99.9 response time of 1.00 s: schedule lag 80.0 µs

          times          of            count      p50      p90      p99    p99.9      max
          response time  successes     6,985  2.97 ms  4.52 ms  18.1 ms   254 ms   265 ms
          response time  all outcomes  7,000  2.97 ms  4.53 ms  22.4 ms   1.00 s   1.00 s
          service time   successes     6,985  2.92 ms  4.47 ms  18.1 ms   254 ms   265 ms
          schedule lag   all sent      7,000  50.0 µs  74.4 µs  79.5 µs  80.0 µs  80.0 µs

          response time (ok)       count  errors      p50      p99   p99.9      max  p99 of all  service p99
          read-timeline
            GET /v1/timelines/ho…  4,200       0  3.25 ms  25.8 ms  254 ms   265 ms     25.8 ms      25.8 ms
            GET /v1/posts/{id}/c…  2,100      15  2.16 ms  4.46 ms       –  24.8 ms     12.6 ms      4.41 ms
          compose-post
            POST /v1/posts           700       0  5.26 ms  8.05 ms       –  40.4 ms     8.05 ms      7.98 ms
          all requests             7,000      15  2.97 ms  18.1 ms  254 ms   265 ms     22.4 ms      18.1 ms

          phase     from … to    count   errors      p50      p99  p99 of all  goodput  attempts/call
          baseline  5 s … 15 s   2,000      0 %  2.99 ms  7.59 ms     7.59 ms    200/s           1.00
          fault     15 s … 25 s  2,000  0.750 %  2.96 ms   253 ms      254 ms    199/s          0.525
          recovery  25 s … 40 s  3,000      0 %  2.97 ms  12.6 ms     12.6 ms    200/s           1.00
          fault post -> comment: latency 800 ms ± 100 ms, 15 s … 25 s
          back at its baseline in the first second after the fault

          errors   count    share  after p50  p99     max
          timeout     15  0.214 %     1.00 s    –  1.00 s
            15× comment 127.0.0.1:4433: no answer within 1 s

          policies         calls  attempts/call  retries  timeouts  rejected  fallbacks  opened  open for
          post -> comment  4,080          0.721        0        60     1,140      1,200       4       7 s
          post -> user     4,080           1.00        0         0         0          0       0         0
            rejected by post -> comment: 1,140 breaker-open

             threshold                                 measured
          ✓  read-timeline p(99) < 400ms during fault  254 ms
          ✓  success > 99%                             99.6 %
        """

    static let comparison = """
        ── variants side by side ───────────────────────────────────────────────────────────────────────────
          One run per variant: a single observation without an interval. Repeat before you conclude from
          small differences.
          Ratios are against none, the first variant.

          baseline        p50             p99         p99 of all  goodput         errors  attempts/call
          none        2.99 ms         7.59 ms            7.59 ms    200/s            0 %           1.00
          retries     2.99 ms  ×1.00  7.59 ms  ×1.00     7.59 ms    200/s  ×1.00     0 %           1.00
          everything  2.99 ms  ×1.00  7.59 ms  ×1.00     7.59 ms    200/s  ×1.00     0 %           1.00

          fault           p50               p99          p99 of all  goodput           errors  attempts/call
          none         770 ms            852 ms              854 ms    189/s          0.750 %           1.00
          retries      252 ms  ×0.328    754 ms  ×0.886      755 ms    159/s  ×0.843   18.4 %           1.50
          everything  2.96 ms  ×0.00385  253 ms  ×0.297      254 ms    199/s  ×1.05   0.750 %          0.525

          recovery        p50              p99           p99 of all  goodput  errors  back after
          none        3.03 ms           304 ms               304 ms    206/s     0 %         2 s
          retries     2.97 ms  ×0.979  13.8 ms  ×0.0455     13.8 ms    203/s     0 %     at once
          everything  2.97 ms  ×0.978  12.6 ms  ×0.0414     12.6 ms    200/s     0 %     at once

          p99 during the fault                            none  retries          everything
          read-timeline · GET /v1/timelines/home        852 ms   754 ms  ×0.885      254 ms  ×0.298
          read-timeline · GET /v1/posts/{id}/comments  4.46 ms  9.51 ms  ×2.13      4.46 ms  ×1.00
        """

    static let empty = """
        comment-brownout
        The Comment Service slows to 800 ms.
        seed 42 · 2026-03-01T10:00:00Z · Example CPU 3000, 2 cores · Seawall 0.1.0
        Ended early: stopped with Ctrl-C

        ── default ─────────────────────────────────────────────────────────────────────────────────────────
          verdict     INVALID — do not use these numbers:
                      • nothing was measured
          offered     100/s journeys; achieved –
          requests    0 in 0 s measured, after 5 s of warm-up
          goodput     – answers as expected; errors –
          accounting  0 scheduled = 0 completed + 0 failed + 0 aborted + 0 never started ✓
          generator   0 s CPU on 1 worker; steal 0 %; throttled 0 s

          No request came due in the measured time, so there is nothing to tabulate.
        """
}
