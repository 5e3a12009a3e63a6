// SPDX-License-Identifier: Apache-2.0

import Foundation
import ServiceKit
import Testing

@Suite struct JSONWriterTests {
    @Test("nested objects and arrays get their commas")
    func shape() {
        var json = JSONWriter()
        json.object { json in
            json.name("a")
            json.value(1)
            json.name("b")
            json.array([[1, 2], [], [3]]) { json, numbers in json.array(numbers) { $0.value($1) } }
            json.name("c")
            json.object { _ in }
            json.name("d")
            json.value(String?.none)
            json.name("e")
            json.value(true)
        }
        #expect(json.text == #"{"a":1,"b":[[1,2],[],[3]],"c":{},"d":null,"e":true}"#)
    }

    @Test(
        "any string survives",
        arguments: ["", "plain", "\"\\/", "\u{0}\u{1}\u{1F}\n\r\t\u{7F}", "žluť 🐎\u{2028}", "\""])
    func strings(string: String) throws {
        var json = JSONWriter()
        json.array([string, string]) { $0.value($1) }
        #expect(try JSONDecoder().decode([String].self, from: Data(json.bytes)) == [string, string])
    }
}
