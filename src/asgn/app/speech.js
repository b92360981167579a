// The button stays hidden where the browser cannot recognise speech.
const Recognition = window.SpeechRecognition || window.webkitSpeechRecognition;
const button = element.querySelector(".asgn-speak");
const heard = element.querySelector(".asgn-heard");

function addLine(text) {
  const box = document.querySelector("#asgn-phrases textarea");
  const before = box.value.trimEnd();
  box.value = before ? `${before}\n${text}` : text;
  box.dispatchEvent(new Event("input", { bubbles: true }));
}

if (Recognition && button) {
  button.hidden = false;
  button.addEventListener("click", () => {
    const recognition = new Recognition();
    recognition.lang = "en-US";
    recognition.interimResults = false;
    recognition.onstart = () => {
      button.classList.add("asgn-listening");
      heard.textContent = "Listening…";
    };
    recognition.onresult = (event) => {
      const text = event.results[0][0].transcript.trim();
      heard.textContent = `Heard: ${text}`;
      addLine(text);
    };
    recognition.onerror = (event) => {
      heard.textContent = event.error === "not-allowed" ? "The microphone is not allowed." : `Nothing heard (${event.error}).`;
    };
    recognition.onend = () => button.classList.remove("asgn-listening");
    recognition.start();
  });
}
