// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials
package import Measurement

/// A run's histograms in HdrHistogram's log format 1.3 (V2 encoding), which the HdrHistogram tools of other languages read.
///
/// An interval per second of the measured time and tag. Tags are the outcomes (response time: end − intended), and
/// `ok-service-time` and `schedule-lag`. Values are nanoseconds; `Interval_Max` is in milliseconds.
package enum HistogramLog {
    package static func render(_ run: RunRecord) -> String {
        let start = (try? Date(run.startedAt, strategy: .iso8601))?.timeIntervalSince1970 ?? 0
        var text = """
            #[Histogram log format version 1.3]
            #[StartTime: \(Format.fixed(start, decimals: 3)) (seconds since epoch)]
            #[BaseTime: \(Format.fixed(start, decimals: 3)) (seconds since epoch)]
            "StartTimestamp","Interval_Length","Interval_Max","Interval_Compressed_Histogram"

            """
        for slice in run.measuredSlices {
            for outcome in Outcome.allCases {
                append(slice.responseTime(outcomes: [outcome]), tag: outcome.rawValue, slice, &text)
            }
            append(slice.serviceTime(outcomes: [.ok]), tag: "ok-service-time", slice, &text)
            append(slice.scheduleLag, tag: "schedule-lag", slice, &text)
        }
        return text
    }

    /// Name of the log of the `index`-th run: variants may have names that no file can have.
    package static func fileName(_ run: RunRecord, index: Int) -> String {
        let safe = run.variant.unicodeScalars.prefix(60).map { scalar in
            let isKept =
                scalar.isASCII && (scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) || scalar == "-")
            return isKept ? String(scalar) : "_"
        }
        return "histograms-\(index + 1)-\(safe.joined()).hlog"
    }

    /// Whether ``fileName(_:index:)`` makes such names.
    static func isFileName(_ name: String) -> Bool {
        let parts = name.split(separator: "-", maxSplits: 2)
        return parts.count == 3 && parts[0] == "histograms" && Int(parts[1]) != nil && parts[2].hasSuffix(".hlog")
    }

    private static func append(_ histogram: LatencyHistogram, tag: String, _ slice: Slice, _ text: inout String) {
        guard let max = histogram.max else { return }
        text += "Tag=\(tag),\(slice.second).000,1.000,\(Format.fixed(Double(max) / 1e6, decimals: 3)),"
        text += Data(compressed(histogram.v2Bytes())).base64EncodedString() + "\n"
    }

    // MARK: Encoding

    private static let compressedCookie: UInt32 = 0x1c84_9304 | 0x10

    /// HdrHistogram's compressed V2 encoding: cookie, length, and the histogram as a zlib stream.
    static func compressed(_ histogram: [UInt8]) -> [UInt8] {
        let stream = zlibStored(histogram)
        return bigEndian(compressedCookie) + bigEndian(UInt32(stream.count)) + stream
    }

    /// A zlib stream (RFC 1950) of stored blocks (RFC 1951, 3.2.4): the histograms are sparse and small as they are.
    static func zlibStored(_ bytes: [UInt8]) -> [UInt8] {
        var stream: [UInt8] = [0x78, 0x01]
        var rest = bytes[...]
        repeat {
            let block = rest.prefix(65_535)
            rest = rest.dropFirst(block.count)
            let length = UInt16(block.count)
            stream.append(rest.isEmpty ? 1 : 0)
            stream += [UInt8(length & 0xFF), UInt8(length >> 8), UInt8(~length & 0xFF), UInt8(~length >> 8)]
            stream += block
        } while !rest.isEmpty
        return stream + bigEndian(adler32(bytes))
    }

    /// The checksum of RFC 1950.
    static func adler32(_ bytes: [UInt8]) -> UInt32 {
        var (low, high): (UInt32, UInt32) = (1, 0)
        for byte in bytes {
            low = (low + UInt32(byte)) % 65_521
            high = (high + low) % 65_521
        }
        return high << 16 | low
    }

    private static func bigEndian(_ value: UInt32) -> [UInt8] {
        [UInt8(value >> 24), UInt8(value >> 16 & 0xFF), UInt8(value >> 8 & 0xFF), UInt8(value & 0xFF)]
    }
}
