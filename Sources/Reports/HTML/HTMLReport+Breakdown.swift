// SPDX-License-Identifier: Apache-2.0

internal import Measurement

extension HTMLReport {
    /// Where the time of the requests went: for each target its parts, with a bar for their share of all the time.
    static func breakdown(_ summary: RunSummary) -> String {
        guard !summary.breakdown.isEmpty else { return "" }
        var table = HTMLTable(
            titles: ["target", "part", "requests", "share of the time", "p50", "p90", "p99", "max", "died in it"],
            textColumns: 2)
        for row in summary.breakdown {
            for (index, part) in row.parts.enumerated() {
                table.add([
                    .init(index == 0 ? row.target : ""), .init(part.part.title), .init(Format.count(part.time.count)),
                    .init(Format.percent(part.share), share: part.share), .init(Format.duration(part.time.p50)),
                    .init(Format.duration(part.time.p90)), .init(Format.duration(part.time.p99), "strong"),
                    .init(Format.duration(part.time.max)),
                    .init(Format.count(part.ended), part.ended > 0 ? "bad" : "dim"),
                ])
            }
        }
        let note =
            "Times of the requests that got through a part. The parts of a request add up to its response time; a request on a "
            + "connection that was there has no DNS, connect and TLS."
        return "<h3>Where the time went</h3>" + table.html + Markup.text("p", ["class": "caption"], note)
    }
}
