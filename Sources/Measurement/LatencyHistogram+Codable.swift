// SPDX-License-Identifier: Apache-2.0

internal import FoundationEssentials

/// The coded form is a base64 string of HdrHistogram's V2 encoding (uncompressed), which the HdrHistogram libraries of other
/// languages decode as it stands.
///
/// Header of 40 bytes, big-endian: cookie, payload length, normalizing offset, significant digits, lowest discernible value,
/// highest trackable value, ratio. Payload: ZigZag LEB128 numbers, a positive one is the count of the next bucket, a negative
/// one −n skips n empty buckets. (`AbstractHistogram.encodeIntoByteBuffer` of the Java original.)
extension LatencyHistogram: Codable {
    static let v2Cookie: UInt32 = 0x1c84_9303 | 0x10
    private static let headerSize = 40
    private static let hourInNanoseconds: UInt64 = 3_600_000_000_000

    package init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        let text = try container.decode(String.self)
        guard let data = Data(base64Encoded: text), let decoded = Self(v2Bytes: Array(data)) else {
            throw DecodingError.dataCorruptedError(
                in: container, debugDescription: "not a histogram in HdrHistogram's V2 encoding with three digits")
        }
        self = decoded
    }

    package func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Data(v2Bytes()).base64EncodedString())
    }

    /// HdrHistogram's V2 encoding, uncompressed.
    package func v2Bytes() -> [UInt8] {
        var payload: [UInt8] = []
        var next = 0
        for (value, count) in zip(values, counts) {
            let index = HistogramBuckets.index(of: value)
            if index > next { Self.appendZigZag(-Int64(index - next), to: &payload) }
            Self.appendZigZag(Int64(clamping: count), to: &payload)
            next = index + 1
        }
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerSize + payload.count)
        func append(_ value: some FixedWidthInteger) {
            withUnsafeBytes(of: value.bigEndian) { bytes.append(contentsOf: $0) }
        }
        append(Self.v2Cookie)
        append(UInt32(payload.count))
        append(UInt32(0))  // normalizing index offset
        append(UInt32(3))  // significant digits
        append(UInt64(1))  // lowest discernible value
        append(Swift.max(max ?? 0, Self.hourInNanoseconds))
        append((1.0).bitPattern)  // integer to double conversion ratio
        return bytes + payload
    }

    /// Decodes what ``v2Bytes()`` makes; nil when the bytes are something else.
    init?(v2Bytes bytes: [UInt8]) {
        func integer<T: FixedWidthInteger>(at offset: Int, as type: T.Type) -> T {
            bytes[offset..<offset + MemoryLayout<T>.size].reduce(0) { $0 << 8 | T($1) }
        }
        guard bytes.count >= Self.headerSize,
            integer(at: 0, as: UInt32.self) == Self.v2Cookie,
            integer(at: 4, as: UInt32.self) == UInt32(bytes.count - Self.headerSize),
            integer(at: 8, as: UInt32.self) == 0,
            integer(at: 12, as: UInt32.self) == 3,
            integer(at: 16, as: UInt64.self) == 1
        else { return nil }
        var indices: [Int] = []
        var counts: [UInt64] = []
        var total: UInt64 = 0
        var index = 0
        var position = Self.headerSize
        while position < bytes.count {
            guard let number = Self.readZigZag(bytes, &position), number != 0 else { return nil }
            if number < 0 {
                guard number > -Int64(HistogramBuckets.indexCount) else { return nil }
                index += Int(-number)
            } else {
                let (sum, overflow) = total.addingReportingOverflow(UInt64(number))
                guard index < HistogramBuckets.indexCount, !overflow else { return nil }
                total = sum
                indices.append(index)
                counts.append(UInt64(number))
                index += 1
            }
        }
        self.init(indices: indices, counts: counts)
    }

    /// ZigZag LEB128 as HdrHistogram has it: seven bits a byte, least significant first, a ninth byte with all eight bits.
    private static func appendZigZag(_ value: Int64, to bytes: inout [UInt8]) {
        var rest = UInt64(bitPattern: (value << 1) ^ (value >> 63))
        for _ in 0..<8 {
            if rest < 0x80 {
                bytes.append(UInt8(rest))
                return
            }
            bytes.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        bytes.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func readZigZag(_ bytes: [UInt8], _ position: inout Int) -> Int64? {
        var value: UInt64 = 0
        for byteNumber in 0..<9 {
            guard position < bytes.count else { return nil }
            let byte = bytes[position]
            position += 1
            if byteNumber == 8 {
                value |= UInt64(byte) << 56
            } else {
                value |= UInt64(byte & 0x7f) << UInt64(7 * byteNumber)
                if byte & 0x80 == 0 { break }
            }
        }
        return Int64(bitPattern: value >> 1) ^ -Int64(bitPattern: value & 1)
    }
}
